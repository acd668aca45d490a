"""Show that this command and the nodes share a runs folder: each writes there, and looks for what the other wrote."""

import contextlib
import fcntl
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from simcvd.errors import UserError
from simcvd.files import FORGOTTEN_S
from sweeps.storage.store import Store, StoreError

HERE: Final = "this machine"
COMMAND_FILE, LOCK_FILE = "command", "lock"
_APPEARS_S: Final = 3.0
_PREFIX: Final = ".preflight-"


@dataclass(frozen=True)
class StorageReport:
    """What a node found in the runs folder.

    Attributes:
        sees_command: whether the command's file is there and holds the token.
        write_error: why the node's own file could not be written.
        locked_out: whether the command's lock keeps the node out, as it should.
        lock_error: why a lock could not be asked for.
    """

    sees_command: bool = True
    write_error: str | None = None
    locked_out: bool = True
    lock_error: str | None = None


Reports = Mapping[str, StorageReport]
"""By the node's name; `HERE` is among them."""


class Exchange(Protocol):
    """What the command has written; it is handed to each node, to look there."""

    @property
    def token(self) -> str:
        """The content of all that is written."""

    def look(self, reply: str) -> StorageReport:
        """Look for what the command wrote, from the node that this runs on, and write a reply of this name."""

    def answered(self, reply: str) -> bool:
        """Tell whether what a node wrote is seen from the command's machine."""

    def judge(self, reports: Reports, unanswered: Collection[str] = ()) -> list[str]:
        """Refuse what some node can't use; return notices.

        Args:
            reports: what the nodes found.
            unanswered: names of nodes whose reply was not seen from the command's machine.

        Raises:
            UserError: with the node.
        """


@dataclass(frozen=True)
class FolderExchange:
    """By files in a folder of RUNS.

    Attributes:
        runs: the runs folder.
        folder: in RUNS, with a name never used before: network storage remembers names that were not there.
        token: the content of every file in it.
    """

    runs: Path
    folder: Path
    token: str

    def look(self, reply: str) -> StorageReport:
        """Look for the command's file, write one, and ask for the lock that the command holds."""
        try:
            if (self.folder / COMMAND_FILE).read_text() != self.token:
                return StorageReport(sees_command=False)
        except OSError:
            return StorageReport(sees_command=False)
        try:
            (self.folder / reply).write_text(self.token)
        except OSError as error:
            return StorageReport(write_error=reason_of(error))
        try:
            with (self.folder / LOCK_FILE).open("a+") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return StorageReport()
        except OSError as error:
            return StorageReport(lock_error=reason_of(error))
        return StorageReport(locked_out=False)

    def answered(self, reply: str) -> bool:
        """Tell whether the file that a node wrote is seen from here; waits a moment, as storage may be late."""
        until = time.monotonic() + _APPEARS_S
        while True:
            with contextlib.suppress(OSError):
                if (self.folder / reply).read_text() == self.token:
                    return True
            if time.monotonic() > until:
                return False
            time.sleep(0.1)

    def judge(self, reports: Reports, unanswered: Collection[str] = ()) -> list[str]:
        """Refuse a runs folder that some node does not share, can't write or can't lock; return notices."""
        runs = self.runs
        for name, found in reports.items():
            if not found.sees_command:
                raise UserError(
                    f"The runs folder {runs} is not shared: {name} does not see what {HERE} writes there; "
                    "use storage that all nodes have at this path."
                )
            if found.write_error:
                raise UserError(
                    f"{capital(name)} can't write to the runs folder {runs} ({found.write_error}); make it writable "
                    "there."
                )
            if name in unanswered:
                raise UserError(
                    f"The runs folder {runs} is not shared: {HERE} does not see what {name} writes there; "
                    "use storage that all nodes have at this path."
                )
            if found.lock_error:
                raise UserError(
                    f"Files in the runs folder {runs} can't be locked on {name} ({found.lock_error}); "
                    "mount it with file locks, or choose another --out."
                )
        apart = [name for name, report in reports.items() if not report.locked_out]
        if not apart:
            return []
        return [
            f"File locks in {runs} do not reach {', '.join(apart)}, so two commands could run one trial; "
            "start one command at a time on this runs folder."
        ]


@dataclass(frozen=True)
class StoreExchange:
    """By objects, where the runs folder is in a store.

    Attributes:
        url: of the runs folder.
        store: the exchange's own part of it.
        token: the content of every object in it.
    """

    url: str
    store: Store
    token: str

    def look(self, reply: str) -> StorageReport:
        """Look for the command's object, write one, and try to create what is there."""
        try:
            if self.store.read(COMMAND_FILE) != self.token.encode():
                return StorageReport(sees_command=False)
            return StorageReport(locked_out=self._keeps_what_is_there(reply))
        except StoreError as error:
            return StorageReport(write_error=reason_of(error))

    def _keeps_what_is_there(self, reply: str) -> bool:
        """Write a reply, and tell whether the store replaces an object only where it is what the writer has seen.

        Leases rest on this, and results that no late holder of one may write over.
        """
        self.store.put(reply, b"before")
        before = self.store.entry(reply)
        self.store.put(reply, self.token.encode())
        if self.store.put_new(COMMAND_FILE, b"other") or self.store.put_over(reply, b"other", before):
            return False
        return self.store.put_over(reply, self.token.encode(), self.store.entry(reply))

    def answered(self, reply: str) -> bool:
        """Tell whether the object that a node wrote is seen from here."""
        return self.store.read(reply) == self.token.encode()

    def judge(self, reports: Reports, unanswered: Collection[str] = ()) -> list[str]:
        """Refuse an object store that some node can't use, or that does not do what leases rest on."""
        for name, found in reports.items():
            if found.write_error:
                raise UserError(f"{capital(name)} can't use the runs folder: {found.write_error}.")
            if not found.sees_command or name in unanswered:
                raise UserError(
                    f"{capital(name)} reaches another {self.url} than {HERE}; see that AWS_ENDPOINT_URL is the same "
                    "there."
                )
            if not found.locked_out:
                raise UserError(
                    f"The store of {self.url} does not write objects on condition that they are not there, or are as "
                    "they were seen (If-None-Match, If-Match), so two commands could run one trial; use a store that "
                    "knows conditional writes, or a shared folder."
                )
        return []


@contextmanager
def open_store_exchange(store: Store) -> Iterator[StoreExchange]:
    """Write the command's object, and leave the store as it was.

    Raises:
        StoreError: it can't be written from this machine.
    """
    token = uuid.uuid4().hex
    name = f"preflight-{token[:12]}"
    own = store.below(name)
    own.put(COMMAND_FILE, token.encode())
    try:
        yield StoreExchange(store.url, own, token)
    finally:
        with contextlib.suppress(StoreError):
            store.delete(list(store.entries(name)))


@contextmanager
def open_folder_exchange(runs: Path) -> Iterator[FolderExchange]:
    """Make the folder, hold its lock, and leave RUNS as it was.

    Raises:
        UserError: RUNS can't be written.
    """
    token = uuid.uuid4().hex
    folder = runs / f"{_PREFIX}{token[:12]}"
    absent = [path for path in (runs, *runs.parents) if not path.exists()]
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, folder, absent)
        try:
            folder.mkdir(parents=True)
            _forget_old(runs, folder)
            (folder / COMMAND_FILE).write_text(token)
            lock = stack.enter_context((folder / LOCK_FILE).open("a+"))
            with contextlib.suppress(OSError):  # what asks for the lock next says why there is none
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"The runs folder {runs} can't be written ({reason}); choose another --out, or make it writable."
            ) from error
        yield FolderExchange(runs, folder, token)


def reason_of(error: Exception) -> str:
    """Return why something failed, for the inside of a sentence."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".")


def capital(name: str) -> str:
    """Return a node's name as a sentence begins with it."""
    return name[0].upper() + name[1:]


def _forget_old(runs: Path, new: Path) -> None:
    """Delete what commands that were killed a day ago have left; the times are the storage's own."""
    now = new.stat().st_mtime
    for path in runs.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another command deletes it, too
            if now - path.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(path)


def _remove(folder: Path, made: list[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in made:
        with contextlib.suppress(OSError):  # not empty: others have begun to use it
            path.rmdir()
