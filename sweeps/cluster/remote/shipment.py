"""What a job takes along: the installed version of this project, so that the same code runs on every node."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from simcvd.config.plugins import PLUGINS, plugin_files
from simcvd.files import write_file

SWEEP_FILE: Final = "sweep.yaml"
"""Name of the user's own sweep file in the shipment."""

_PACKAGES: Final = ("simcvd", "sweeps", "analysis")
_MODULES: Final = ("cli",)


@contextmanager
def packed(files: Mapping[str, Path]) -> Iterator[Path]:
    """Lay out a folder from which `python -m cli` runs what is installed here, with its version.

    Args:
        files: what is to be taken along, as plug-ins are, by its name in the folder.
    """
    with TemporaryDirectory(prefix="simcvd-shipment-") as name:
        folder = Path(name)
        for package in _PACKAGES:
            shutil.copytree(_place(package), folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for module in _MODULES:
            shutil.copy(_place(module), folder)
        version = metadata.version("simcvd")
        about = folder / f"simcvd-{version}.dist-info"  # found before the one that a host may have
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: simcvd\nVersion: {version}\n")
        for name, file in files.items():
            shutil.copy(file, folder / name)
        for name, text in plugin_files().items():
            write_file(folder / PLUGINS / name, text)
        yield folder


def _place(name: str) -> Path:
    spec = util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations is not None else origin
