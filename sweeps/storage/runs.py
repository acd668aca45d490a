"""The files of a trial as its workers see them, in a runs folder that all nodes share or in an object store."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sweeps.status.trial import read_result, result_path
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import StoreError
from sweeps.storage.workspace import Workspace, follow_trial, open_trial
from sweeps.trial.group import from_first

PATIENCE_S: Final = 900.0
"""How long a trial that begins waits for a store that does not answer."""

_AGAIN_S: Final = 10.0


@dataclass(frozen=True)
class TrialFiles:
    """Where a trial's files are.

    Attributes:
        runs: a runs folder.
        begun: to be called by each worker when it is known that the trial runs, before its files are read.
    """

    runs: Path
    begun: Callable[[], None] = lambda: None


@contextmanager
def trial_files(
    runs: Path,
    remote: ObjectRuns | None,
    trial_id: str,
    command: str,
    tell: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> Iterator[TrialFiles]:
    """Yield where this worker finds a trial's files; in an object store, the first worker holds its lease and pushes.

    Args:
        runs: the runs folder that all nodes share, where `remote` is none.
        remote: the runs folder in an object store.
        trial_id: the trial.
        command: what tells the command from others.
        tell: gets sentences for the user.
        should_stop: ends the wait for a store that does not answer.

    Raises:
        TrialBusyError: another live process holds the trial.
        StoreError: the store did not answer for a long time.
    """
    if remote is None:
        yield TrialFiles(runs)
        return
    from simcvd.training.distributed import rank_and_workers

    rank, workers = rank_and_workers()
    opened: list[Workspace] = []
    with ExitStack() as held:

        def hold() -> None:
            once = lambda: held.enter_context(open_trial(remote, trial_id, command=command, tell=tell))  # noqa: E731
            opened.append(_patiently(once, tell, should_stop))

        from_first(hold)
        if rank:
            opened.append(held.enter_context(follow_trial(remote, trial_id, rank)))
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


def recorded_result(runs: Path, remote: ObjectRuns | None, trial_id: str) -> dict[str, Any] | None:
    """Return what was recorded of a trial, as `read_result` does."""
    if remote is None:
        return read_result(runs, trial_id)
    folder = remote.workspaces / f".row-{uuid.uuid4().hex[:12]}"
    path = result_path(folder, trial_id)
    name = path.relative_to(folder).as_posix()
    try:
        entry = remote.store.entry(name)
        if entry is None:
            return None
        remote.store.fetch(name, entry.size, path)
        return read_result(folder, trial_id)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _patiently(
    open_it: Callable[[], Workspace], tell: Callable[[str], None], should_stop: Callable[[], bool]
) -> Workspace:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return open_it()
        except StoreError as error:
            if time.monotonic() > until or should_stop():
                raise
            tell(f"{error} Trying again.")
            time.sleep(_AGAIN_S)
