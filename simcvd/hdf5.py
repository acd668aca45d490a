"""What an HDF5 file holds itself: a received one may name any other file of the machine as its voxels."""

from typing import TYPE_CHECKING, Any

from simcvd.errors import DataError

if TYPE_CHECKING:
    import h5py


def held(file: "h5py.File", name: str) -> Any:
    """Return what a file has under a name at its top: a data set or a group; none where it has nothing of that name.

    Raises:
        DataError: a link, or a data set whose voxels are in other files.
    """
    import h5py

    if "/" in name or name == ".":
        raise _elsewhere(file, name, "is no name at its top")
    if not file.id.links.exists(name.encode()):
        return None
    if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise _elsewhere(file, name, "is a link")
    found = file[name]
    if isinstance(found, h5py.Dataset):
        made = found.id.get_create_plist()
        if made.get_external_count():
            raise _elsewhere(file, name, "has its voxels in another file")
        if made.get_layout() == h5py.h5d.VIRTUAL:
            raise _elsewhere(file, name, "is put together of other files")
    return found


def _elsewhere(file: "h5py.File", name: str, what: str) -> DataError:
    return DataError(f"{file.filename} can't be used: its '{name}' {what}; store the voxels in the file itself.")
