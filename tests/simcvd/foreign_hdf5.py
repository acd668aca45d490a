"""HDF5 files whose voxels are those of another file of the machine."""

from pathlib import Path

import h5py
import numpy as np

SECRET = b"KEY." * 30
SHAPE = (4, 5, 6)


def foreign(path: Path, name: str, way: str) -> Path:
    """Write a file that holds, under a name, the bytes of a file beside it; return the file that was to be kept."""
    secret = path.with_name("secret")
    secret.write_bytes(SECRET)
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file[name] = np.frombuffer(SECRET, np.uint8).reshape(SHAPE)
    with h5py.File(path, "w") as file:
        if way == "external link":
            file[name] = h5py.ExternalLink(str(other), name)
        elif way == "soft link":
            file["door"] = h5py.ExternalLink(str(other), "/")
            file[name] = h5py.SoftLink(f"/door/{name}")
        elif way == "external storage":
            file.create_dataset(name, SHAPE, np.uint8, external=[(str(secret), 0, len(SECRET))])
        else:
            layout = h5py.VirtualLayout(SHAPE, np.uint8)
            layout[:] = h5py.VirtualSource(str(other), name, SHAPE)
            file.create_virtual_dataset(name, layout)
    return secret


WAYS = ("external link", "soft link", "external storage", "virtual data set")
