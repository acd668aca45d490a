"""What a preparation remembers, so that it resumes after any kill and two at once do no harm."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from simcvd.case_id import id_problem
from simcvd.data.case_file import case_digest, case_path
from simcvd.data.dataset_info import FILE_NAME
from simcvd.errors import DataError, UserError
from simcvd.files import make_folder, partials, write_file

_FOLDER = ".prepare"


class JournalEntry(NamedTuple):
    """A finished case: what it was made of and what came out.

    Attributes:
        stamp: identity of what it was made of.
        digest: of the case file's content.
        size: bytes of the case file.
        channels: channels of the image.
        empty_label: whether it has a label without foreground.
        image_digest: of the prepared image alone, before a crop around the label; empty in journals of version 0.1.
        scan: `ScanFacts` in JSON types; none in journals of version 0.1.
        ignored: whether its label has voxels that count nowhere.
        lost: classes of the scan's label that no voxel of the data set's size holds any more.
    """

    stamp: str
    digest: str
    size: int
    channels: int
    empty_label: bool
    image_digest: str = ""
    scan: dict[str, Any] | None = None
    ignored: bool = False
    lost: Sequence[int] = ()


@contextmanager
def locked(target: Path) -> Iterator["Journal"]:
    """Hold the data set folder for one preparation.

    Raises:
        UserError: another one holds it, or the folder holds other things.
    """
    hidden = target / _FOLDER
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file; expected a folder for the data set.")
    if not hidden.is_dir() and target.is_dir() and any(target.iterdir()):
        raise UserError(f"{target} holds other files; expected a new or empty folder for the data set.")
    try:
        make_folder(hidden)
        lock = (hidden / "lock").open("a+")
    except OSError as error:
        raise UserError(f"The data set folder {target} can't be written: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"Another `simcvd prepare` is at work in {target}; wait for it to end.") from error
        for remains in {*partials(target), *(target / "cases").glob("*.h5.tmp-*")}:  # the latter of version 0.1
            remains.unlink()
        try:
            yield Journal(target)
        except UserError:
            _leave_nothing_unused(target)
            raise


def _leave_nothing_unused(target: Path) -> None:
    """Remove the folders of a preparation that ended before it wrote anything."""
    hidden = target / _FOLDER
    if [path.name for path in hidden.iterdir()] != ["lock"]:
        return
    with suppress(OSError):  # a folder that is not empty stays
        (target / "cases").rmdir()
    if (target / "cases").exists():
        return  # another thread finished a case while the first bad one was told
    (hidden / "lock").unlink()
    hidden.rmdir()
    with suppress(OSError):
        target.rmdir()


class Journal:
    """Finished cases, one line each, appended as they finish; a torn last line is ignored."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target / _FOLDER / "journal.jsonl"
        self._entries: dict[str, JournalEntry] = {}
        lines = self._path.read_text().splitlines() if self._path.is_file() else []
        for line in lines:
            try:
                content = json.loads(line)
                case_id = content.pop("id")
                if id_problem(case_id) is None:  # others never had a file, and one deletes files of ids
                    self._entries[case_id] = JournalEntry(**content)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue

    def entry(self, case_id: str) -> JournalEntry | None:
        """Return what is known of a case, whether or not its file is still there."""
        return self._entries.get(case_id)

    def finished(self, case_id: str, stamp: str) -> JournalEntry | None:
        """Return the entry of a case that was made of the same source and whose file holds what was written into it."""
        entry = self._entries.get(case_id)
        if entry is None or entry.stamp != stamp:
            return None
        try:
            if case_path(self._target, case_id).stat().st_size != entry.size:
                return None
            return entry if case_digest(self._target, case_id) == entry.digest else None
        except (FileNotFoundError, DataError):
            return None

    def append(self, case_id: str, entry: JournalEntry) -> None:
        """Remember a finished case; its file is flushed, since `write_case` has returned."""
        self._entries[case_id] = entry
        with self._path.open("a") as file:
            # The line break first: a torn line before it then spoils no other.
            file.write("\n" + json.dumps({"id": case_id, **entry._asdict()}))
            file.flush()
            os.fsync(file.fileno())

    def drop_others(self, kept: set[str]) -> None:
        """Delete case files of earlier requests that the data set does not hold."""
        for case_id in set(self._entries) - kept:
            case_path(self._target, case_id).unlink(missing_ok=True)

    def request(self) -> dict[str, Any] | None:
        """Return what the finished data set was made with; none if it is not finished."""
        if not (self._target / FILE_NAME).is_file():
            return None
        try:
            content: dict[str, Any] = json.loads((self._target / _FOLDER / "request.json").read_text())
        except (OSError, ValueError):
            return {}
        return content

    def save_request(self, request: dict[str, Any]) -> None:
        """Remember what the data set was made with, by rename."""
        write_file(self._target / _FOLDER / "request.json", json.dumps(request, indent=1))
