"""What files say, so that those of two runs can be compared."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

MEASURED = ("seconds", "device", "git_commit")
"""Columns that differ from run to run, the last one where somebody commits meanwhile."""


def content(path: Path) -> Any:
    """Return what a file says; of parquet and HDF5 the values, since such files name what wrote them."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        return table.drop_columns([name for name in MEASURED if name in table.column_names]).to_pylist()
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path) as file:
            return {name: file[name][:].tolist() for name in file}
    return path.read_bytes()


def files(folder: Path, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the content of all files, hidden ones too, by path; and all links.

    Args:
        folder: the folder.
        without: names of files whose content differs from run to run; that they are there counts.
    """
    return {
        str(path.relative_to(folder)): None if path.name in without else content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }
