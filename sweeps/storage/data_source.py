"""Where a data set is copied from, a folder or an object store, and the way into a store."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from simcvd.errors import UserError
from simcvd.files import replacing
from sweeps.storage.store import Store

INFO: Final = "dataset.json"
PLAN_FILE: Final = "plan.yaml"
"""Settings to start from; not every data set has them, and a person may edit them at any time."""
TOLD_S: Final = 15.0
"""How often a copy tells how far it is."""

_CHUNK_BYTES: Final = 8 * 2**20


class Source(Protocol):
    """Where a data set is copied from."""

    def files(self) -> Mapping[str, int]:
        """Return the bytes of each file, by its path in the data set folder."""

    def copy(self, name: str, size: int, target: Path, on_bytes: Callable[[int], None]) -> None:
        """Copy one file; `on_bytes` gets the number of bytes that have arrived since its last call."""


@dataclass(frozen=True)
class FolderSource:
    """A data set folder, such as one on shared storage.

    Attributes:
        folder: the folder.
    """

    folder: Path

    def files(self) -> Mapping[str, int]:
        """Return the bytes of each file."""
        plan = self.folder / PLAN_FILE
        paths = [self.folder / INFO, *([plan] if plan.is_file() else []), *sorted((self.folder / "cases").glob("*.h5"))]
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in paths}

    def copy(self, name: str, size: int, target: Path, on_bytes: Callable[[int], None]) -> None:
        """Copy one file."""
        with (self.folder / name).open("rb") as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                file.write(chunk)
                on_bytes(len(chunk))
            file.flush()
            os.fsync(file.fileno())

    def __str__(self) -> str:
        return str(self.folder)


@dataclass(frozen=True)
class StoreSource:
    """A data set in an object store.

    Attributes:
        store: the data set's own part of it.
    """

    store: Store

    def files(self) -> Mapping[str, int]:
        """Return the bytes of each file."""
        sizes = {name: entry.size for name, entry in self.store.entries("cases").items() if name.endswith(".h5")}
        entry = self.store.entry(INFO)
        if entry is None:
            raise UserError(f"There is no data set in {self.store}: expected one that `simcvd prepare` made.")
        plan = self.store.entry(PLAN_FILE)
        return {**sizes, INFO: entry.size, **({PLAN_FILE: plan.size} if plan else {})}

    def copy(self, name: str, size: int, target: Path, on_bytes: Callable[[int], None]) -> None:
        """Copy one file."""
        self.store.fetch(name, size, target, on_bytes)

    def __str__(self) -> str:
        return self.store.url


def put_dataset(dataset: Path, digest: str, target: Store, tell: Callable[[str], None] = lambda sentence: None) -> None:
    """Put a data set into an object store unless it is there; `dataset.json` comes last.

    Args:
        dataset: data set folder.
        digest: of its `dataset.json`.
        target: its own part of the store.
        tell: gets sentences on the progress.
    """
    source = FolderSource(dataset)
    sizes = dict(source.files())
    if sizes.pop(PLAN_FILE, None) is not None:
        target.put(PLAN_FILE, dataset / PLAN_FILE)  # always: it may have been edited
    there = {name: entry.size for name, entry in target.entries("cases").items()}
    if target.has(INFO) and all(there.get(name) == size for name, size in sizes.items() if name != INFO):
        return
    tell(f"Copying the data set {dataset} to {target} ...")
    told_at, arrived = time.monotonic(), 0
    for done, name in enumerate(sorted(sizes.keys() - {INFO})):
        if there.get(name) != sizes[name]:
            target.put(name, dataset / name)
        arrived += sizes[name]
        if time.monotonic() - told_at > TOLD_S:
            told_at = time.monotonic()
            tell(f"{done + 1} of {len(sizes) - 1} cases, {arrived / 1e9:.1f} of {gigabytes(sum(sizes.values()))}")
    target.put(INFO, dataset / INFO)


def digest_of(source: Source) -> str:
    """Return the digest of a data set that is not on this machine.

    Raises:
        UserError: there is none.
    """
    from simcvd.data.store import open_info

    with TemporaryDirectory(prefix="simcvd-") as name:
        folder = Path(name)
        source.copy(INFO, source.files()[INFO], folder / INFO, lambda count: None)
        return open_info(folder).digest


def bring_plan(source: Source, folder: Path) -> None:
    """Make the plan in a data set folder the one that its source has now, or has not."""
    size = source.files().get(PLAN_FILE)
    if size is None:
        (folder / PLAN_FILE).unlink(missing_ok=True)
        return
    with replacing(folder / PLAN_FILE) as partial:
        source.copy(PLAN_FILE, size, partial, lambda count: None)


def gigabytes(count: int) -> str:
    """Return a number of bytes for people.

    >>> gigabytes(1_234_567_890)
    '1.23 GB'
    """
    return f"{count / 1e9:.2f} GB" if count < 1e10 else f"{count / 1e9:.0f} GB"
