"""What commands on one machine see of a runs folder in an object store: records, logs and sweeps, as files.

Only changes are fetched. Heartbeats carry the last lines of a trial's log, so a running sweep is followed with one
listing and one small object a trial.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final

from analysis.runs.sweep import SWEEP_FILE
from simcvd.files import write_file
from sweeps.status.lock import LIVE_FILE
from sweeps.status.trial import read_result
from sweeps.storage.attempt.stored import Stored, trial_files, trial_key
from sweeps.storage.lease import LIVE, put_held
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Entry, StoreError

_AT_ONCE: Final = 16
_INDEX: Final = ".tags.json"
_LOG: Final = "log.jsonl"
_LEFT_HERE: Final = frozenset({"lock", LIVE_FILE, "epoch"})


class Mirror:
    """A runs folder in the store and its image on this machine.

    Args:
        runs: the runs folder in the store.
    """

    def __init__(self, runs: ObjectRuns) -> None:
        self.folder = runs.mirror
        self._store = runs.store
        self._once = threading.Lock()
        self._beats: dict[str, str] = {}
        try:
            self._tags: dict[str, str] = json.loads((self.folder / _INDEX).read_text())
        except (OSError, ValueError):
            self._tags = {}

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._store.url

    def pull(self) -> None:
        """Bring what tells how far everything is: sweeps, records, logs of trials that are not finished.

        Raises:
            StoreError: the store can't be reached.
        """
        with self._once:
            self._pull_results()
            sweeps = self._store.entries("sweeps")
            wanted = _at_their_names(
                {name: entry for name, entry in sweeps.items() if PurePosixPath(name).name == SWEEP_FILE}
            )
            for trial_id in self._store.folders("trials"):
                row = read_result(self.folder, trial_id)
                (self.folder / "trials" / trial_id).mkdir(parents=True, exist_ok=True)
                if row is None or row["status"] != "finished":
                    wanted |= self._files(trial_id, {_LOG, "failure.txt"})
            self._fetch(wanted)
            self._pull_live()

    def pull_running(self) -> None:
        """Bring what changes while a sweep runs: heartbeats and records.

        Raises:
            StoreError: the store can't be reached.
        """
        with self._once:
            self._pull_live()
            self._pull_results()

    def pull_sweep(self, name: str, trial_ids: Collection[str] = (), *, pictures: bool = False) -> None:
        """Bring a sweep's files, and the logs and masks of its trials where they are wanted.

        Args:
            name: the sweep's name.
            trial_ids: trials whose logs are wanted.
            pictures: whether their masks are too.
        """
        with self._once:
            wanted = _at_their_names(
                {
                    found: entry
                    for found, entry in self._store.entries(f"sweeps/{name}").items()
                    if "/lease/" not in found and PurePosixPath(found).name not in _LEFT_HERE
                }
            )
            for trial_id in trial_ids:
                wanted |= self._files(trial_id, {_LOG, "failure.txt"})
            if pictures:
                masks = self._store.entries("results/masks")
                wanted |= _at_their_names(
                    {found: entry for found, entry in masks.items() if PurePosixPath(found).stem in trial_ids}
                )
            self._fetch(wanted)

    def push_sweep(self, name: str, ensure: Callable[[], None] = lambda: None) -> None:
        """Push a sweep's own files: its settings, tables, figures and report.

        Args:
            name: the sweep's name.
            ensure: ends the process where another one has taken the sweep over, which writes these files, too.
        """
        folder = self.folder / "sweeps" / name
        with self._once:
            there = self._store.entries(f"sweeps/{name}")
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if not path.is_file() or inside.parts[0] in _LEFT_HERE | {"ray"} or ".tmp-" in path.name:
                    continue
                found, content = path.relative_to(self.folder).as_posix(), path.read_bytes()
                entry = there.get(found)
                if entry is None or entry.size != len(content) or self._store.read(found) != content:
                    put_held(self._store, found, content, ensure)

    def _files(self, trial_id: str, names: Collection[str]) -> dict[str, Stored]:
        wanted = {f"{trial_key(trial_id)}/{name}" for name in names}
        return {name: stored for name, stored in trial_files(self._store, trial_id).items() if name in wanted}

    def _pull_results(self) -> None:
        # A row is pushed last, so it is listed first: what it speaks of is there then.
        rows = self._store.entries("results/trials")
        self._fetch(_at_their_names(self._store.entries("results/cases")))
        self._fetch(_at_their_names(rows))
        for path in (self.folder / "results" / "trials").glob("*.parquet"):
            if f"results/trials/{path.name}" not in rows:  # forgotten, since the trial is tried again
                path.unlink(missing_ok=True)

    def _pull_live(self) -> None:
        latest: dict[str, tuple[str, Entry]] = {}
        for name, entry in sorted(self._store.entries(LIVE).items()):
            latest[name.removeprefix(f"{LIVE}/").rsplit("/", 1)[0]] = name, entry
        for key, (name, entry) in latest.items():
            if self._beats.get(key) == entry.tag:
                continue
            if (text := self._store.read(name)) is None:
                continue
            # Seen to change, it is alive now; seen for the first time, as old as the store says.
            seen = time.time() if key in self._beats else entry.modified
            self._beats[key] = entry.tag
            self._show(self.folder / key, text, seen)
        for path in [*self.folder.glob(f"trials/*/{LIVE_FILE}"), *self.folder.glob(f"sweeps/*/{LIVE_FILE}")]:
            key = path.parent.relative_to(self.folder).as_posix()
            if key not in latest:
                path.unlink(missing_ok=True)
                self._beats.pop(key, None)
                if key.startswith("trials/"):
                    self._fetch(self._files(path.parent.name, {_LOG, "failure.txt"}))

    def _show(self, folder: Path, text: bytes, seen: float) -> None:
        try:
            content = json.loads(text)
        except ValueError:
            return
        if log := content.pop("log", ""):
            write_file(folder / _LOG, log)
            self._tags.pop(f"trials/{folder.name}/{_LOG}", None)
        write_file(folder / LIVE_FILE, json.dumps(content))
        os.utime(folder / LIVE_FILE, (seen, seen))

    def _fetch(self, files: Mapping[str, Stored]) -> None:
        changed = {
            name: stored
            for name, stored in files.items()
            if self._tags.get(name) != stored.entry.tag or not (self.folder / name).exists()
        }

        def bring(name: str) -> None:
            stored = changed[name]
            try:
                self._store.fetch(stored.name, stored.entry.size, self.folder / name)
            except StoreError:
                there = self._store.entry(stored.name)
                if there is not None and there.tag == stored.entry.tag:
                    raise
                return  # it has just been replaced, or a newer attempt is whole: the next look brings that
            self._tags[name] = stored.entry.tag

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(bring, changed))
        if changed:
            write_file(self.folder / _INDEX, json.dumps(self._tags))


def _at_their_names(entries: Mapping[str, Entry]) -> dict[str, Stored]:
    return {name: Stored(name, entry) for name, entry in entries.items()}


def bring(runs: ObjectRuns, name: str | None = None) -> Mirror:
    """Return the mirror of a runs folder, up to date, with the files of one sweep."""
    mirror = Mirror(runs)
    mirror.pull()
    if name is not None:
        mirror.pull_sweep(name)
    return mirror
