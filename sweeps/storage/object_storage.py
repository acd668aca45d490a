"""A command's side of a sweep in an object store: it holds the sweep, sends the data set, and follows the trials."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.status.lock import TrialBusyError
from sweeps.storage.data_cache import CachedData
from sweeps.storage.data_source import FolderSource, StoreSource, put_dataset
from sweeps.storage.lease import Held, Pace, claim
from sweeps.storage.mirror import Mirror
from sweeps.storage.object_runs import DATASETS, ObjectRuns
from sweeps.storage.repeating import repeating
from sweeps.storage.store import Store, StoreError, url_in

SWEEP_LEASE: Final = 4.0
"""A command outlives a silent store for so many times as long as a trial, which goes on from its checkpoint."""

EPOCH_FILE: Final = "epoch"
"""In the sweep's folder on the machine of its command: the lease that it held last."""

_INTERRUPTED: Final = 130


@contextmanager
def running_in_store(runs: ObjectRuns, name: str, tell: Callable[[str], None]) -> Iterator[Mirror]:
    """Hold a sweep alone and keep its mirror up to date; what the block writes about the sweep is pushed at the end.

    The caller holds the lock of the mirror's own folder.

    Args:
        runs: the runs folder in the store.
        name: the sweep's name.
        tell: gets sentences for the user.

    Raises:
        UserError: another command runs it.
        StoreError: the store can't be reached.
    """
    mirror = Mirror(runs)
    own = mirror.folder / "sweeps" / name / EPOCH_FILE
    pace = Pace(runs.pace.beat_s, runs.pace.lease_s * SWEEP_LEASE)
    try:
        # This machine's last command is dead, since its lock was free.
        lease = claim(runs.store, f"sweeps/{name}", tell=tell, wait_s=3, pace=pace, is_dead=_epoch_in(own))
    except TrialBusyError as error:
        raise UserError(f"The sweep {name} is being run by another command; wait for it to end, or stop it.") from error
    own.write_text(str(lease.epoch))

    def lost() -> None:
        sys.stderr.write(
            f"{runs.store} did not answer, so that the sweep {name} is held no longer; run the same command again, it "
            "continues.\n"
        )
        sys.stderr.flush()
        os._exit(_INTERRUPTED)

    with ExitStack() as held:
        held.enter_context(Held(runs.store, lease, pace, on_lost=lost))
        with repeating(mirror.pull_running, runs.pace.beat_s, name="mirror", passing=(StoreError, OSError)):
            yield mirror
        mirror.push_sweep(name)


def data_for(dataset: Path, digest: str, runs: ObjectRuns, tell: Callable[[str], None]) -> CachedData:
    """Return where nodes copy a data set from, put into the store unless it is there.

    Args:
        dataset: data set folder on this machine.
        digest: its `DatasetInfo.digest`.
        runs: the runs folder in the store.
        tell: gets sentences on the progress.
    """
    target = runs.store.below(f"{DATASETS}/{digest[:16]}")
    put_dataset(dataset, digest, target, tell)
    return CachedData(StoreSource(target), digest, runs.cache)


def cached_from(place: Path, dataset: Path, digest: str, cache: Path | None) -> CachedData | None:
    """Return where nodes copy a data set from, where it needs no store for runs.

    Args:
        place: what the user named: a folder, or a URL as a path.
        dataset: the data set folder on this machine.
        digest: its `DatasetInfo.digest`.
        cache: folder on each node's own disk; none where trials read the data set in place.
    """
    if cache is None:
        return None
    if url := url_in(place):
        return CachedData(StoreSource(Store(url)), digest, cache)
    return CachedData(FolderSource(dataset), digest, cache, in_place=dataset)


def _epoch_in(path: Path) -> Callable[[int], bool]:
    try:
        known = int(path.read_text())
    except (OSError, ValueError):
        known = 0
    return lambda epoch: epoch == known
