"""The versions of what decides a trial's numbers, which must be the same on all nodes."""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

_PACKAGES = ("torch", "ray", "numpy", "simcvd")
_OWN = ("simcvd", "sweeps", "analysis")


def versions() -> dict[str, str]:
    """Return the versions of what decides a trial's numbers, without importing it.

    An editable installation keeps its version while its files change, so our own sources are compared as well.
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "none"
    return found | {"simcvd's source files": _source_digest()[:8]}


def differences(found: Mapping[str, str], expected: Mapping[str, str]) -> tuple[str, str] | None:
    """Return what differs, as found and as expected; none where nothing does.

    >>> differences({"torch": "2.6"}, {"torch": "2.7", "ray": "2.60"})
    ('torch 2.6, ray none', 'torch 2.7, ray 2.60')
    """
    packages = [package for package, version in expected.items() if found.get(package) != version]
    if not packages:
        return None
    there = ", ".join(f"{package} {found.get(package, 'none')}" for package in packages)
    return there, ", ".join(f"{package} {expected[package]}" for package in packages)


def _source_digest() -> str:
    total = hashlib.sha256()
    for package in _OWN:
        spec = util.find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            files = [path for path in Path(root).rglob("*") if path.suffix in {".py", ".yaml"}]
            for path in sorted(files):
                total.update(f"{package}/{path.relative_to(root).as_posix()}\n".encode())
                total.update(path.read_bytes())
    return total.hexdigest()
