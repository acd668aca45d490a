"""One trial of an object store on one node: its lease, a folder of its own to run in, and what is pushed from there.

The folder is a small runs folder with this one trial in it, so everything that runs a trial works as in a shared one.
It belongs to one epoch of the lease: nothing of another attempt, or of what looks on, ever writes into it.
"""

import functools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from analysis.runs.masks import masks_path
from sweeps.status.lock import LOCK_WAIT_S
from sweeps.status.trial import case_path, result_path, trial_folder
from sweeps.storage.lease import Claim, Held, claim
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.private_folder import delete, forget_old, is_left, private_folder
from sweeps.storage.repeating import repeating
from sweeps.storage.store import Store, StoreError

LOG_TAIL_BYTES: Final = 16_384
_PULLED: Final = "pulled"
_CHECKPOINT: Final = "/checkpoint/"

Stamp = tuple[int, int, int]


def trial_key(trial_id: str) -> str:
    """Return what the names of a trial's files and its lease begin with in a store."""
    return f"trials/{trial_id}"


@contextmanager
def open_trial(
    runs: ObjectRuns,
    trial_id: str,
    *,
    command: str | None = None,
    tell: Callable[[str], None] | None = None,
    wait_s: float = LOCK_WAIT_S,
) -> Iterator["Workspace"]:
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
    workspace = Workspace(runs.store, trial_id, folder)
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


class Workspace:
    """A trial's files in the store and in a folder here.

    Args:
        store: the store.
        trial_id: the trial.
        folder: a runs folder with this trial alone.
    """

    def __init__(self, store: Store, trial_id: str, folder: Path) -> None:
        self.runs, self.trial_id = folder, trial_id
        self._store = store
        self._known: dict[str, Stamp | None] = {}
        self._pushing = threading.Lock()

    @property
    def trial(self) -> Path:
        """The trial's folder."""
        return trial_folder(self.runs, self.trial_id)

    def pull(self) -> None:
        """Bring all of the trial's files here."""
        for name, entry in self._there().items():
            self._store.fetch(name, entry.size, self.runs / name)
            self._known[name] = _stamp(self.runs / name)

    def push(self, ensure: Callable[[], None] = lambda: None, *, logged_only: bool = False) -> None:
        """Push what has changed, and delete what is gone, in an order that a kill anywhere can't harm.

        The log follows the checkpoint's reading and goes before it, so that no checkpoint is there without its log. The
        row comes after all that it speaks of; what it makes superfluous is deleted after it.

        Args:
            ensure: is called before the row is pushed, and ends the process where the trial is no longer its own.
            logged_only: push nothing while there is no new checkpoint; onlookers see the log in the heartbeat.
        """
        with self._pushing:
            if not self._known:
                self._known = dict.fromkeys(self._there())
            row = self._name(result_path(self.runs, self.trial_id))
            checkpoints = [name for name in self._here() if _CHECKPOINT in name and self._changed(name)]
            if logged_only and not checkpoints:
                return
            frozen = {name: self._freeze(name) for name in checkpoints}
            try:
                results = [self._name(path(self.runs, self.trial_id)) for path in (case_path, masks_path)]
                here = self._here()
                plain = [name for name in here if _CHECKPOINT not in name and name != row and name not in results]
                for name in [*plain, *(name for name in results if name in here)]:
                    if self._changed(name):
                        if name in results:
                            ensure()
                        self._put(name)
                for name, (path, stamp) in frozen.items():
                    self._store.put(name, path)
                    self._known[name] = stamp
            finally:
                for path, _ in frozen.values():
                    path.unlink(missing_ok=True)
            if row in self._here() and self._changed(row):
                ensure()
                self._put(row)
            gone = [name for name in self._known if not (self.runs / name).exists()]
            for name in sorted(gone, key=lambda name: name == row):
                ensure()
                self._store.delete([name])
                del self._known[name]

    def shown(self) -> Mapping[str, Any]:
        """Return the last lines of the log, for those who look on."""
        try:
            with (self.trial / "log.jsonl").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return {"log": file.read().decode(errors="replace")}
        except OSError:
            return {}

    def _there(self) -> dict[str, Any]:
        key = trial_key(self.trial_id)
        entries = self._store.entries(key)
        for path in (case_path, masks_path, result_path):
            name = self._name(path(self.runs, self.trial_id))
            entries |= {found: entry for found, entry in _entry(self._store, name).items() if found == name}
        return {name: entry for name, entry in entries.items() if not name.startswith(f"{key}/lease/")}

    def _here(self) -> list[str]:
        names = [self._name(path) for path in sorted(self.trial.rglob("*")) if path.is_file() and _is_whole(path)]
        results = [path(self.runs, self.trial_id) for path in (case_path, masks_path, result_path)]
        return names + [self._name(path) for path in results if path.exists()]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.runs).as_posix()

    def _changed(self, name: str) -> bool:
        return self._known.get(name) != _stamp(self.runs / name)

    def _put(self, name: str) -> None:
        stamp = _stamp(self.runs / name)
        if stamp is not None:
            with suppress(FileNotFoundError):  # gone meanwhile
                self._store.put(name, (self.runs / name).read_bytes())
                self._known[name] = stamp

    def _freeze(self, name: str) -> tuple[Path, Stamp | None]:
        """Return a second name of a file as it is now, which a newer one that replaces it leaves alone."""
        frozen = self.runs / f".{os.path.basename(name)}.pushed"
        frozen.unlink(missing_ok=True)
        os.link(self.runs / name, frozen)
        return frozen, _stamp(frozen)


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


@contextmanager
def follow_trial(runs: ObjectRuns, trial_id: str, rank: int) -> Iterator[Workspace]:
    """Yield a folder for a worker that shares a trial whose lease the first worker holds; it pushes nothing."""
    folder = runs.workspaces / f"{trial_id}.rank{rank}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        held.enter_context(private_folder(folder))
        yield Workspace(runs.store, trial_id, folder)


def _entry(store: Store, name: str) -> dict[str, Any]:
    found = store.entry(name)
    return {} if found is None else {name: found}


def _is_whole(path: Path) -> bool:
    return path.name != "lock" and ".tmp-" not in path.name and not path.name.endswith(".tmp")


def _stamp(path: Path) -> Stamp | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _given_up(store: Store, lease: Claim) -> bool:
    return store.has(f"{Claim(lease.key, lease.epoch - 1).name}.over")
