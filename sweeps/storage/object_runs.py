"""A runs folder in an object store, with the places on this machine's own disk that go with it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.storage.lease import Pace
from sweeps.storage.store import Store, url_in

CACHE: Final = Path("~/.cache/simcvd")
DATASETS: Final = "datasets"


@dataclass(frozen=True)
class ObjectRuns:
    """A runs folder in an object store.

    Attributes:
        store: all of it.
        cache: folder on each node's own disk; a `~` is each node's own.
        pace: of leases.
    """

    store: Store
    cache: Path = CACHE
    pace: Pace = field(default_factory=Pace)

    @property
    def mirror(self) -> Path:
        """What commands on this machine see of it: a runs folder, brought up to date from the store."""
        return self._own("runs")

    @property
    def workspaces(self) -> Path:
        """What trials on this machine write before it is pushed."""
        return self._own("trials")

    def _own(self, folder: str) -> Path:
        key = hashlib.sha256(self.store.url.encode()).hexdigest()[:12]
        return self.cache.expanduser() / folder / key


def object_runs(place: Path, cache: Path | None = None) -> ObjectRuns | None:
    """Return the runs folder that `place` names in an object store; none for a folder.

    Args:
        place: `s3://BUCKET/PREFIX` as a path, or a folder.
        cache: folder on each node's own disk.

    Raises:
        UserError: it can't be reached, or `cache` is no folder of a disk.
    """
    url = url_in(place)
    if cache is not None and url_in(cache):
        raise UserError(f"--cache is {url_in(cache)}, expected a folder on each node's own disk.")
    if url is None:
        return None
    runs = ObjectRuns(Store(url), CACHE if cache is None else cache)
    runs.store.folders("sweeps")  # a wrong bucket or a missing key is said before anything else
    return runs


def refuse_search(place: Path, cache: Path | None) -> None:
    """Refuse a search where it can't run.

    Raises:
        UserError: `place` is in an object store, or `cache` is given.
    """
    if url := url_in(place):
        raise UserError(f"A search needs a runs folder that all hosts share, not {url}; choose a folder.")
    if cache is not None:
        raise UserError("--cache is for sweeps of variants; a search reads its data set in place, so drop it.")


def refuse_store(place: Path, command: str) -> None:
    """Refuse an object store where a command needs a folder.

    Raises:
        UserError: with what can be done.
    """
    if url := url_in(place):
        raise UserError(f"`simcvd {command}` needs a folder, but got {url}; only sweeps run in an object store.")
