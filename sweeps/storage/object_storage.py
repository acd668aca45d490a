"""A runs folder in an object store: leases, trials that run on each node's own disk, and an image for commands."""

import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sweeps.channel.channel import Channel
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.ray_channel import open_ray_channel
from sweeps.status.lock import LOCK_WAIT_S
from sweeps.status.trial import read_result, result_path
from sweeps.storage.attempt.hold import follow_trial, open_trial
from sweeps.storage.attempt.workspace import Workspace
from sweeps.storage.boot import this_boot
from sweeps.storage.data_cache import CachedData, NodeData, Tell
from sweeps.storage.data_source import StoreSource, put_dataset
from sweeps.storage.exchange import Exchange, open_store_exchange
from sweeps.storage.lease import Held, Pace, claim
from sweeps.storage.mirror import Mirror, bring
from sweeps.storage.object_runs import DATASETS, ObjectRuns
from sweeps.storage.repeating import repeating
from sweeps.storage.runs import TrialFiles
from sweeps.storage.shared_folder import busy_told, sweep_lock
from sweeps.storage.store import Store, StoreError, url_in
from sweeps.trial.group import from_first, rank_and_workers

SWEEP_LEASE: Final = 4.0
"""A command outlives a silent store for so many times as long as a trial, which goes on from its checkpoint."""

EPOCH_FILE: Final = "epoch"
"""In the sweep's folder on the machine of its command: the lease that it held last, and which machine that is."""

PATIENCE_S: Final = 900.0
"""How long a trial that begins waits for a store that does not answer."""

_AGAIN_S: Final = 10.0
_INTERRUPTED: Final = 130


@dataclass(frozen=True)
class ObjectStorage:
    """A runs folder in an object store.

    Attributes:
        runs: where it is, and the folders on each machine's own disk that go with it.
    """

    runs: ObjectRuns

    def __str__(self) -> str:
        return self.runs.store.url

    @property
    def folder(self) -> Path:
        """This machine's image of it."""
        return self.runs.mirror

    @property
    def disk(self) -> Path:
        """The cache of the node that asks."""
        return self.runs.cache.expanduser()

    def bring(self, name: str) -> None:
        """Bring records, logs, and a sweep's files."""
        bring(self.runs, name)

    @contextmanager
    def held(self, name: str, tell: Tell) -> Iterator[Callable[[], None]]:
        """Hold a sweep alone and keep the image up to date; what the block writes about it is pushed at the end.

        Args:
            name: the sweep's name.
            tell: gets sentences for the user.

        Raises:
            UserError: another command runs it.
            StoreError: the store can't be reached.
        """
        store, mirror = self.runs.store, Mirror(self.runs)
        folder = self.folder / "sweeps" / name
        pace = Pace(self.runs.pace.beat_s, self.runs.pace.lease_s * SWEEP_LEASE)

        def lost() -> None:
            sys.stderr.write(
                f"{store} did not answer, so that the sweep {name} is held no longer; run the same command again, it "
                "continues.\n"
            )
            sys.stderr.flush()
            os._exit(_INTERRUPTED)

        def pull() -> None:
            mirror.pull()
            tell(f"All of it is in {store}; what is shown here is read from {self.folder}.")

        with ExitStack() as held:
            held.enter_context(sweep_lock(folder))
            # This machine's last command is dead, since its lock was free; another machine's may be unseen here.
            is_dead = _epoch_in(folder / EPOCH_FILE)
            with busy_told(name):
                lease = claim(store, f"sweeps/{name}", tell=tell, wait_s=3, pace=pace, is_dead=is_dead)
            (folder / EPOCH_FILE).write_text(f"{lease.epoch} {this_boot()}")
            holding = held.enter_context(Held(store, lease, pace, on_lost=lost))
            with repeating(mirror.pull_running, pace.beat_s, name="mirror", passing=(StoreError, OSError)):
                yield pull
            mirror.push_sweep(name, holding.ensure)

    @contextmanager
    def trial(
        self,
        trial_id: str,
        *,
        command: str | None = None,
        tell: Tell = lambda sentence: None,
        should_stop: Callable[[], bool] = lambda: False,
        wait_s: float = LOCK_WAIT_S,
    ) -> Iterator[TrialFiles]:
        """Yield a folder of this node with the trial's files; the first worker holds its lease and pushes.

        Args:
            trial_id: the trial.
            command: what tells the command from others.
            tell: gets sentences for the user.
            should_stop: ends the wait for a store that does not answer.
            wait_s: how long to wait for another holder, in seconds.

        Raises:
            TrialBusyError: another live process holds the trial.
            StoreError: the store did not answer for a long time.
        """
        rank, workers = rank_and_workers()
        opened: list[Workspace] = []
        with ExitStack() as held:

            def hold() -> None:
                until = time.monotonic() + PATIENCE_S
                while not opened:
                    try:
                        lease = open_trial(self.runs, trial_id, command=command, tell=tell, wait_s=wait_s)
                        opened.append(held.enter_context(lease))
                    except StoreError as error:
                        if time.monotonic() > until or should_stop():
                            raise
                        tell(f"{error} Trying again.")
                        time.sleep(_AGAIN_S)

            from_first(hold)
            if rank:
                opened.append(held.enter_context(follow_trial(self.runs, trial_id, rank)))
            workspace = opened[0]

            def begun() -> None:
                if workers == 1:
                    return
                from torch import distributed

                if rank == 0:
                    workspace.push()  # what a new attempt has deleted
                distributed.barrier()
                if rank:
                    workspace.pull()

            yield TrialFiles(workspace.runs, begun)

    def recorded(self, trial_id: str) -> dict[str, Any] | None:
        """Return what was recorded of a trial."""
        folder = self.runs.workspaces / f".row-{uuid.uuid4().hex[:12]}"
        path = result_path(folder, trial_id)
        name = path.relative_to(folder).as_posix()
        try:
            entry = self.runs.store.entry(name)
            if entry is None:
                return None
            self.runs.store.fetch(name, entry.size, path)
            return read_result(folder, trial_id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sees(self, scratch: Path) -> bool:
        """True: the scratch folder is the command's own."""
        return True

    def staying(self, kept: int) -> int:
        """None: it goes to the store."""
        return 0

    def exchange(self) -> AbstractContextManager[Exchange]:
        """Exchange objects in the store."""
        return open_store_exchange(self.runs.store)

    def data(self, given: Path, dataset: Path, tell: Tell) -> NodeData:
        """Let nodes copy a data set from the store, where it is put unless it is there or in a store of its own."""
        from simcvd.data.store import open_info

        digest = open_info(dataset).digest
        if url := url_in(given):
            return CachedData(dataset, StoreSource(Store(url)), digest, self.runs.cache)
        target = self.runs.store.below(f"{DATASETS}/{digest[:16]}")
        put_dataset(dataset, digest, target, tell)
        return CachedData(dataset, StoreSource(target), digest, self.runs.cache)

    def channel(self, local: FolderChannel) -> AbstractContextManager[Channel]:
        """By way of Ray, since the nodes share no folder."""
        return open_ray_channel(local)


def _epoch_in(path: Path) -> Callable[[int], bool]:
    try:
        epoch, boot = path.read_text().split()
    except (OSError, ValueError):
        epoch, boot = "", ""
    return lambda number: boot == this_boot() and epoch == str(number)
