"""Who may write a trial or run a sweep in an object store, where there are no file locks.

A lease is an object with a number, `KEY/lease/000007`, that can be created once: who creates it holds the trial or
sweep of that key, in that epoch. The holder writes a heartbeat, `live/KEY/000007`, again and again. A process that
waits watches it with its own clock; when it has not changed for a while, the next number is free to be created. Clocks
of hosts are never compared, and no more is asked of the store than to create an object once.

A holder that can't write its heartbeat for a shorter while, or that finds the next number taken, ends its process: what
it computed has been, or will be, computed by another.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Final, Self

from sweeps.status.lock import LOCK_WAIT_S, OWN_WAIT_S, TrialBusyError
from sweeps.storage.store import Store, StoreError

LIVE: Final = "live"
"""Folder of the heartbeats: one listing tells what is held now."""

_OVER: Final = ".over"
_LOOK_S: Final = 1.0
_TRIES: Final = 5

CUT_OFF_STATUS: Final = 75
"""What a process ends with that has lost touch: with the head of its Ray, or with the store that holds its lease."""


@dataclass(frozen=True)
class Pace:
    """How often a heartbeat is written and how long it may stay away.

    Attributes:
        beat_s: seconds between heartbeats.
        lease_s: a lease without a new heartbeat for so long may be taken over; its holder has ended before.
    """

    beat_s: float = 5.0
    lease_s: float = 45.0


@dataclass(frozen=True)
class Claim:
    """A lease that was got.

    Attributes:
        key: such as `trials/ID`.
        epoch: its number.
        holder: what is known of who holds it.
    """

    key: str
    epoch: int
    holder: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The lease object."""
        return lease_name(self.key, self.epoch)

    @property
    def live(self) -> str:
        """The heartbeat object."""
        return f"{LIVE}/{self.key}/{self.epoch:06d}"


def lease_name(key: str, epoch: int) -> str:
    """Return the name of a lease object."""
    return f"{key}/lease/{epoch:06d}"


def claim(
    store: Store,
    key: str,
    *,
    command: str | None = None,
    tell: Callable[[str], None] | None = None,
    wait_s: float = LOCK_WAIT_S,
    pace: Pace | None = None,
    is_dead: Callable[[int], bool] = lambda epoch: False,
) -> Claim:
    """Get the lease of a trial or a sweep, once its last holder has given it up or shows no sign of life.

    Args:
        store: the store.
        key: such as `trials/ID`.
        command: what tells this command from others; a holder of the same command is waited for longer: Ray ends it.
        tell: gets a sentence when someone else holds the lease.
        wait_s: how long to wait for a holder that is alive, in seconds.
        pace: of the holders.
        is_dead: tells of an epoch whether its holder is known to have ended, as on this machine.

    Raises:
        TrialBusyError: a holder that is alive still holds it after the wait.
    """
    pace = pace or Pace()
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "command": command, "token": uuid.uuid4().hex}
    began = time.monotonic()
    seen: tuple[int, bytes | None] | None = None
    since, told, alive = began, False, False
    while True:
        epoch, over = last_epoch(store, key)
        if epoch == 0 or over or is_dead(epoch):
            if mine := _create(store, key, epoch + 1, holder):
                return mine
            continue
        beat = store.read(Claim(key, epoch).live)
        now = time.monotonic()
        if (epoch, beat) != seen:
            alive = seen is not None
            seen, since = (epoch, beat), now
        if now - since > pace.lease_s:
            if mine := _create(store, key, epoch + 1, holder):
                return mine
            continue
        other = _content(store.read(lease_name(key, epoch)))
        own = command is not None and other.get("command") == command
        limit_s = max(wait_s, OWN_WAIT_S if own else 0.0)
        if not alive:  # and perhaps about to be taken over
            limit_s = max(limit_s, pace.lease_s + 2 * pace.beat_s)
        if now - began > limit_s:
            raise TrialBusyError(f"{_what(key)} is being run by {_named(other)}; wait for it to end, or stop it.")
        if tell is not None and not told and now - began > 1:
            tell(f"{_what(key)} is held by {_named(other)}; waiting up to {limit_s:.0f} s for it to end.")
            told = True
        time.sleep(min(_LOOK_S, pace.beat_s))


def last_epoch(store: Store, key: str) -> tuple[int, bool]:
    """Return the highest number of a key's leases, 0 where there is none, and whether it was given up."""
    names = {PurePosixPath(name).name for name in store.entries(f"{key}/lease")}
    epochs = [int(name) for name in names if name.isdecimal()]
    epoch = max(epochs, default=0)
    return epoch, f"{epoch:06d}{_OVER}" in names


class Held:
    """Hold a lease while the `with` block lasts; the process ends when it is lost.

    Args:
        store: the store.
        lease: what was got.
        pace: of the heartbeats.
        shown: more to write into each heartbeat, for those who look on.
        on_lost: ends this process.
    """

    def __init__(
        self,
        store: Store,
        lease: Claim,
        pace: Pace | None = None,
        shown: Callable[[], Mapping[str, Any]] = dict,
        on_lost: Callable[[], object] = lambda: os._exit(CUT_OFF_STATUS),
    ) -> None:
        self.lease = lease
        self._store, self._pace, self._shown, self._on_lost = store, pace or Pace(), shown, on_lost
        self._end = threading.Event()
        self._beats = 0
        self._kept = False
        self._renewed = time.monotonic()
        self._threads = [
            threading.Thread(target=work, name="lease", daemon=True) for work in (self._renew, self._watch)
        ]

    def __enter__(self) -> Self:
        self._beat()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lease up, unless it is kept."""
        self._end.set()
        self._threads[0].join(timeout=self._pace.lease_s)
        if self._kept:
            return
        try:
            if self.is_mine():
                self._store.put_new(f"{self.lease.name}{_OVER}", b"")
            self._store.delete([self.lease.live])
        except StoreError:  # it will be taken over
            if kind is None:
                raise

    def keep(self) -> None:
        """Leave the lease behind as a killed process does: something of this holder is not in the store yet."""
        self._kept = True

    def is_mine(self) -> bool:
        """Tell whether nobody has taken the lease over."""
        return not self._store.has(lease_name(self.lease.key, self.lease.epoch + 1))

    def ensure(self) -> None:
        """End this process if the lease has been taken over, or may have been."""
        if time.monotonic() - self._renewed > self._pace.lease_s * 0.8 or not self.is_mine():
            self._on_lost()

    def _beat(self) -> None:
        # The time before it is sent: who waits sees it later than that.
        now = time.monotonic()
        self._beats += 1
        content = {**self.lease.holder, "beat": self._beats, **self._shown()}
        self._store.put(self.lease.live, json.dumps(content).encode())
        self._renewed = now

    def _renew(self) -> None:
        while not self._end.wait(self._pace.beat_s):
            try:
                self._beat()
                mine = self.is_mine()
            except (StoreError, OSError):
                continue  # until `_watch` has seen enough of it
            if not mine and not self._end.is_set():
                self._on_lost()
                return

    def _watch(self) -> None:
        while not self._end.wait(min(1.0, self._pace.beat_s)):
            if time.monotonic() - self._renewed > self._pace.lease_s * 0.8:
                self._on_lost()
                return


def put_held(store: Store, name: str, content: bytes, ensure: Callable[[], None]) -> None:
    """Write an object that the next holder of a lease will write, too; a late holder's never replaces that one's.

    What is there is looked at before the lease is. If the lease was held still, then what is there by now, and differs,
    is the next holder's, and the store refuses to replace it.

    Args:
        store: the store.
        name: the object.
        content: what it is to hold.
        ensure: ends the process where the lease has been taken over, as `Held.ensure` does.

    Raises:
        StoreError: the store can't be reached, or others go on writing it.
    """
    for _ in range(_TRIES):
        seen = store.entry(name)
        ensure()
        if store.put_over(name, content, seen):
            return
    raise StoreError(f"{store.url} can't be written at {name}: it is written by others all the time.")


def _create(store: Store, key: str, epoch: int, holder: Mapping[str, Any]) -> Claim | None:
    content = json.dumps(holder).encode()
    name = lease_name(key, epoch)
    # A request that was answered too late is sent again, and then finds what it has written itself.
    if store.put_new(name, content) or store.read(name) == content:
        return Claim(key, epoch, holder)
    return None


def _content(text: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(text or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _what(key: str) -> str:
    folder, _, name = key.partition("/")
    return f"The {folder.rstrip('s')} {name}"


def _named(holder: Mapping[str, Any]) -> str:
    return f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another process"
