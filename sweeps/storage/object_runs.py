"""Where a runs folder is in an object store, and the folders on this machine's own disk that go with it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sweeps.storage.data_cache import CACHE
from sweeps.storage.lease import Pace
from sweeps.storage.store import Store

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
