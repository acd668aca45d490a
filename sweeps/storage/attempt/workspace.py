"""What an attempt at a trial of an object store brings to its node, and what it pushes from there.

The folder is a small runs folder with this one trial in it, so everything that runs a trial works as in a shared one.
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from analysis.runs.masks import masks_path
from sweeps.status.trial import case_path, result_path, trial_folder
from sweeps.storage.attempt.stored import Stored, attempt_folder, say_whole, trial_files, trial_key
from sweeps.storage.lease import put_held
from sweeps.storage.store import Store, StoreError

LOG_TAIL_BYTES: Final = 16_384
_CHECKPOINT: Final = "/checkpoint/"

Stamp = tuple[int, int, int]
Ensure = Callable[[], None]
"""Ends the process where the trial is no longer its own."""


class Workspace:
    """A trial's files in the store and in a folder here.

    Args:
        store: the store.
        trial_id: the trial.
        folder: a runs folder with this trial alone.
        epoch: of the lease, which numbers the attempt; whoever has none only pulls.
    """

    def __init__(self, store: Store, trial_id: str, folder: Path, epoch: int = 0) -> None:
        self.runs, self.trial_id = folder, trial_id
        self._store, self._epoch = store, epoch
        self._row = self._name(result_path(folder, trial_id))
        self._results = [self._name(path(folder, trial_id)) for path in (case_path, masks_path, result_path)]
        self._pulled: dict[str, Stamp | None] = {}
        self._pushed: dict[str, Stamp | None] | None = None
        self._is_whole = False
        self._pushing = threading.Lock()

    @property
    def trial(self) -> Path:
        """The trial's folder."""
        return trial_folder(self.runs, self.trial_id)

    def pull(self) -> None:
        """Bring all of the trial's files here, as they were at one moment."""
        came: dict[str, Stored] = {}
        there = self._there()
        while came != there:
            for name in came.keys() - there.keys():
                (self.runs / name).unlink(missing_ok=True)
            came = there
            try:
                for name, stored in came.items():
                    self._store.fetch(stored.name, stored.entry.size, self.runs / name)
            except StoreError:
                if self._there() == came:
                    raise
            there = self._there()  # the attempt before this one may have been pushing until now
        self._pulled = {name: _stamp(self.runs / name) for name in came}
        self._pushed = {name: stamp for name, stamp in self._pulled.items() if name in self._results}

    def push(self, ensure: Ensure = lambda: None, *, logged_only: bool = False) -> None:
        """Push what has changed, and delete what is gone, in an order that a kill anywhere can't harm.

        The log follows the checkpoint's reading and goes before it, so that no checkpoint is there without its log. The
        row comes after all that it speaks of; what it makes superfluous is deleted after it.

        Files of the trial go where this attempt alone writes. Its results have one place for all attempts.

        Args:
            ensure: is called before anything is pushed.
            logged_only: push nothing while there is no new checkpoint; onlookers see the log in the heartbeat.
        """
        with self._pushing:
            new = [name for name in self._here() if self._is_new(name)]
            if logged_only and not any(_CHECKPOINT in name for name in new):
                return
            if not new and self._is_as_pulled():
                return
            ensure()
            pushed = self._known()
            frozen = {name: self._freeze(name) for name in self._here() if _CHECKPOINT in name and self._changed(name)}
            try:
                here = self._here()
                results = [name for name in self._results if name != self._row and name in here]
                for name in here:
                    if _CHECKPOINT not in name and name not in self._results and self._changed(name):
                        self._put(name)
                for name in results:
                    self._put_result(name, ensure)
                self._put_checkpoints(frozen)
            finally:
                for path, _ in frozen.values():
                    path.unlink(missing_ok=True)
            if not self._is_whole:
                say_whole(self._store, self.trial_id, self._epoch)
                self._is_whole = True
            if self._row in self._here():
                self._put_result(self._row, ensure)
            gone = [name for name in pushed if not (self.runs / name).exists()]
            for name in sorted(gone, key=lambda name: name == self._row):
                ensure()
                self._store.delete([self._object(name)])
                del pushed[name]

    def shown(self) -> Mapping[str, Any]:
        """Return the last lines of the log, for those who look on."""
        try:
            with (self.trial / "log.jsonl").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return {"log": file.read().decode(errors="replace")}
        except OSError:
            return {}

    def _there(self) -> dict[str, Stored]:
        return trial_files(self._store, self.trial_id) | self._results_there()

    def _results_there(self) -> dict[str, Stored]:
        found = {name: self._store.entry(name) for name in self._results}
        return {name: Stored(name, entry) for name, entry in found.items() if entry is not None}

    def _known(self) -> dict[str, Stamp | None]:
        """Return what is in the store of what this attempt may delete there, with the stamps that it was pushed with.

        In a folder that was taken over, who died is not known to have pushed a result as it is now.
        """
        if self._pushed is None:
            self._pushed = dict.fromkeys(self._results_there())
        return self._pushed

    def _here(self) -> list[str]:
        names = [self._name(path) for path in sorted(self.trial.rglob("*")) if path.is_file() and _is_whole(path)]
        return names + [name for name in self._results if (self.runs / name).exists()]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.runs).as_posix()

    def _object(self, name: str) -> str:
        if name in self._results:
            return name
        return f"{attempt_folder(self.trial_id, self._epoch)}/{name.removeprefix(f'{trial_key(self.trial_id)}/')}"

    def _is_as_pulled(self) -> bool:
        """Tell whether this attempt has neither pushed nor deleted anything."""
        found = self._pushed is not None and not self._is_whole  # a folder that was taken over was not pulled
        return found and all((self.runs / name).exists() for name in self._pulled)

    def _is_new(self, name: str) -> bool:
        """Tell whether a file is neither as it was pulled nor as it was pushed."""
        return self._changed(name) and self._pulled.get(name) != _stamp(self.runs / name)

    def _changed(self, name: str) -> bool:
        """Tell whether this attempt has not pushed a file as it is now."""
        return (self._pushed or {}).get(name) != _stamp(self.runs / name)

    def _put(self, name: str) -> None:
        stamp = _stamp(self.runs / name)
        if stamp is not None:
            with suppress(FileNotFoundError):  # gone meanwhile
                self._store.put(self._object(name), (self.runs / name).read_bytes())
                self._known()[name] = stamp

    def _put_result(self, name: str, ensure: Ensure) -> None:
        if self._changed(name):
            stamp = _stamp(self.runs / name)
            put_held(self._store, name, (self.runs / name).read_bytes(), ensure)
            self._known()[name] = stamp

    def _put_checkpoints(self, frozen: Mapping[str, tuple[Path, Stamp | None]]) -> None:
        """Push checkpoints; one that was pushed under another name, as the one before the last, is copied there."""
        pushed = self._known()

        def twin_of(stamp: Stamp | None) -> str | None:
            return next((name for name, known in pushed.items() if known == stamp and _CHECKPOINT in name), None)

        # A twin is copied before a new checkpoint takes its place.
        for name, (path, stamp) in sorted(frozen.items(), key=lambda item: twin_of(item[1][1]) is None):
            if twin := twin_of(stamp):
                self._store.copy(self._object(twin), self._object(name))
            else:
                self._store.put(self._object(name), path)
            pushed[name] = stamp

    def _freeze(self, name: str) -> tuple[Path, Stamp | None]:
        """Return a second name of a file as it is now, which a newer one that replaces it leaves alone."""
        frozen = self.runs / f".{os.path.basename(name)}.pushed"
        frozen.unlink(missing_ok=True)
        os.link(self.runs / name, frozen)
        return frozen, _stamp(frozen)


def _is_whole(path: Path) -> bool:
    return path.name != "lock" and ".tmp-" not in path.name and not path.name.endswith(".tmp")


def _stamp(path: Path) -> Stamp | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino
