"""Hold a trial of an object store on one node, with a folder to run it in.

The folder belongs to one epoch of the lease: nothing of another attempt, or of what looks on, ever writes into it.
"""

import functools
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from sweeps.status.lock import LOCK_WAIT_S
from sweeps.storage.attempt.private_folder import delete, forget_old, is_left, private_folder
from sweeps.storage.attempt.stored import trial_key
from sweeps.storage.attempt.workspace import Workspace
from sweeps.storage.lease import Claim, Held, claim
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.repeating import repeating
from sweeps.storage.store import Store, StoreError

_PULLED: Final = "pulled"


@contextmanager
def open_trial(
    runs: ObjectRuns,
    trial_id: str,
    *,
    command: str | None = None,
    tell: Callable[[str], None] | None = None,
    wait_s: float = LOCK_WAIT_S,
) -> Iterator[Workspace]:
    """Hold a trial alone and yield a folder with its files; what changes there is pushed, the last of it at the end.

    Where a process of this machine died with the trial, its folder is taken over as it is: nothing of it is lost.

    Args:
        runs: the runs folder in the store.
        trial_id: the trial.
        command: what tells this command from others.
        tell: gets sentences for the user.
        wait_s: how long to wait for another holder, in seconds.

    Raises:
        TrialBusyError: another live process holds the trial.
        StoreError: the store can't be reached.
    """
    key = trial_key(trial_id)
    forget_old(runs.workspaces)

    def folder_of(epoch: int) -> Path:
        return runs.workspaces / f"{trial_id}.{epoch:06d}"

    lease = claim(
        runs.store,
        key,
        command=command,
        tell=tell,
        wait_s=wait_s,
        pace=runs.pace,
        is_dead=lambda epoch: is_left(folder_of(epoch)),
    )
    folder, left = folder_of(lease.epoch), folder_of(lease.epoch - 1)
    workspace = Workspace(runs.store, trial_id, folder, lease.epoch)
    with ExitStack() as held:
        holding = held.enter_context(Held(runs.store, lease, runs.pace, shown=workspace.shown))
        adopted = is_left(left) and (left / _PULLED).exists() and not _given_up(runs.store, lease)
        held.enter_context(private_folder(folder, left if adopted else None))
        for old in runs.workspaces.glob(f"{trial_id}.*"):
            if is_left(old):
                delete(old)
        if not adopted:
            workspace.pull()
            (folder / _PULLED).touch()
        with _pushing(workspace, holding, runs.pace.beat_s):
            yield workspace
        delete(folder)


@contextmanager
def follow_trial(runs: ObjectRuns, trial_id: str, rank: int) -> Iterator[Workspace]:
    """Yield a folder for a worker that shares a trial whose lease the first worker holds; it pushes nothing."""
    folder = runs.workspaces / f"{trial_id}.rank{rank}-{uuid.uuid4().hex[:12]}"
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        held.enter_context(private_folder(folder))
        yield Workspace(runs.store, trial_id, folder)


@contextmanager
def _pushing(workspace: Workspace, held: Held, every_s: float) -> Iterator[None]:
    """Push a trial's new checkpoints while the `with` block lasts, and everything at its end.

    Args:
        workspace: the trial.
        held: its lease.
        every_s: how often to look, in seconds.

    Raises:
        StoreError: the store took the last of it not, and nothing else went wrong.
    """
    look = functools.partial(workspace.push, held.ensure, logged_only=True)
    try:
        # Without a store, the lease ends this process.
        with repeating(look, every_s, name="pushing", passing=(StoreError, OSError)):
            yield
    except BaseException:
        with suppress(StoreError):
            _push_last(workspace, held, every_s)
        raise
    _push_last(workspace, held, every_s)


def _push_last(workspace: Workspace, held: Held, every_s: float) -> None:
    until = time.monotonic() + 10 * every_s
    while True:
        try:
            workspace.push(held.ensure)
            return
        except StoreError:  # a store that hesitates must not cost a trained trial
            if time.monotonic() > until:
                # The folder stays, and so does the lease: the next attempt here goes on with both.
                held.keep()
                raise
            time.sleep(every_s)


def _given_up(store: Store, lease: Claim) -> bool:
    return store.has(f"{Claim(lease.key, lease.epoch - 1).name}.over")
