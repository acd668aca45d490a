"""A folder in RUNS through which this command and the nodes show each other what they write."""

import contextlib
import fcntl
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simcvd.errors import UserError
from sweeps.preflight.node import COMMAND_FILE, LOCK_FILE
from sweeps.storage.store import Store, StoreError

_APPEARS_S = 3.0


@dataclass(frozen=True)
class Exchange:
    """The folder and what is written in it.

    Attributes:
        folder: in RUNS, with a name never used before: network storage remembers names that were not there.
        token: the content of every file in it.
    """

    folder: Path
    token: str

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


@dataclass(frozen=True)
class StoreExchange:
    """The same by objects, where the runs folder is in a store.

    Attributes:
        store: the exchange's own part of the store.
        token: the content of every object in it.
    """

    store: Store
    token: str

    def answered(self, reply: str) -> bool:
        """Tell whether the object that a node wrote is seen from here."""
        return self.store.read(reply) == self.token.encode()


@contextmanager
def open_store_exchange(store: Store) -> Iterator[StoreExchange]:
    """Write the command's object, and leave the store as it was.

    Raises:
        StoreError: it can't be written from this machine.
    """
    token = uuid.uuid4().hex
    own = store.below(f"preflight-{token[:12]}")
    own.put(COMMAND_FILE, token.encode())
    try:
        yield StoreExchange(own, token)
    finally:
        with contextlib.suppress(StoreError):
            name = f"preflight-{token[:12]}"
            store.delete(list(store.entries(name)))


@contextmanager
def open_exchange(runs: Path) -> Iterator[Exchange]:
    """Make the folder, hold its lock, and leave RUNS as it was.

    Raises:
        UserError: RUNS can't be written.
    """
    token = uuid.uuid4().hex
    folder = runs / f".preflight-{token[:12]}"
    absent = [path for path in (runs, *runs.parents) if not path.exists()]
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, folder, absent)
        try:
            folder.mkdir(parents=True)
            (folder / COMMAND_FILE).write_text(token)
            lock = stack.enter_context((folder / LOCK_FILE).open("a+"))
            with contextlib.suppress(OSError):  # what asks for the lock next says why there is none
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"The runs folder {runs} can't be written ({reason}); choose another --out, or make it writable."
            ) from error
        yield Exchange(folder, token)


def _remove(folder: Path, made: list[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in made:
        with contextlib.suppress(OSError):  # not empty: others have begun to use it
            path.rmdir()
