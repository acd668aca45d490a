"""The faults: what may happen at an operation, and which number each pair of both has."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.operations import NEEDS_ROOM, Operation, Operations, Strike

DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Kind:
    """One way in which an operation goes wrong.

    Attributes:
        words: what happens, with `{}` for the operation.
        strike: makes it happen.
        at: whether it can happen at an operation.
        kills: the process ends of it.
        keeps_locks: a child of the dead process still holds its locks, for a while.
        fails: an error reaches the command, which ends for it or goes on; else it ends as if nothing had been.
    """

    words: str
    strike: Strike
    at: Callable[[Operation], bool] = lambda operation: True
    kills: bool = False
    keeps_locks: bool = False
    fails: bool = False


def _failing(number: int, *, lasting: bool) -> Strike:
    def strike(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
        if lasting:
            operations.failing = number
        raise OSError(number, os.strerror(number), str(operations.folder / operation.path))

    return strike


def _cut_short(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
    """Write half; the other half finds no room. The error has no name, as it comes from a handle."""
    operations.failing = errno.ENOSPC
    act(0.5)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _killed_before(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
    operations.kill()


def _killed_within(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
    act(0.5)
    operations.kill()


def _killed_after(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
    act()
    operations.kill()


def _power_cut(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
    act()
    operations.lose_unflushed()
    operations.kill()


def _clock(off_s: float) -> Strike:
    def strike(operations: Operations, operation: Operation, act: Callable[..., Any]) -> Any:
        operations.clock_s = off_s
        done = act()
        operations.turn_clock(operations.folder / operation.path)
        return done

    return strike


def _needs_room(operation: Operation) -> bool:
    return operation.name in NEEDS_ROOM


def _writes(operation: Operation) -> bool:
    return operation.name == "write"


def _names(operation: Operation) -> bool:
    return operation.name in {"replace", "rename", "link", "symlink", "unlink", "rmdir"}


def _begins(operation: Operation) -> bool:
    return operation.name in {"open", "replace"}


KINDS: Final[tuple[Kind, ...]] = (
    Kind("killed before {}", _killed_before, kills=True),
    Kind("the disk is full from {} on", _failing(errno.ENOSPC, lasting=True), _needs_room, fails=True),
    Kind("an input/output error at {}", _failing(errno.EIO, lasting=False), fails=True),
    Kind("killed within {}", _killed_within, _writes, kills=True),
    Kind("the disk is full within {}", _cut_short, _writes, fails=True),
    Kind("killed after {}", _killed_after, _names, kills=True),
    Kind("storage that does not answer from {} on", _failing(errno.EIO, lasting=True), _needs_room, fails=True),
    Kind("a power cut after {}", _power_cut, _names, kills=True),
    Kind("the clock a day late from {} on", _clock(-DAY_S), _begins),
    Kind("the clock a day early from {} on", _clock(DAY_S), _begins),
    Kind(
        "killed before {}, its lock not released",
        _killed_before,
        lambda operation: operation.locked and _begins(operation),
        kills=True,
        keeps_locks=True,
    ),
)


@dataclass(frozen=True)
class Fault:
    """One fault of a command.

    Attributes:
        number: what `--seed` takes.
        at: the number of the operation.
        operation: the operation.
        kind: what happens there.
    """

    number: int
    at: int
    operation: Operation
    kind: Kind

    def __str__(self) -> str:
        return f"{self.number}: {self.kind.words.format(f'{self.operation} (operation {self.at})')}"


def faults_of(operations: Sequence[Operation]) -> list[Fault]:
    """Return all faults of a command that does these operations, by number."""
    pairs = [(at, each, kind) for at, each in enumerate(operations) for kind in KINDS if kind.at(each)]
    return [Fault(number, *pair) for number, pair in enumerate(pairs)]


def spread(faults: Sequence[Fault], count: int) -> list[Fault]:
    """Return some of the faults: of each operation and each kind in turn, the same ones each time."""
    if len(faults) <= count:
        return list(faults)
    # A stride that is no divisor of the number of kinds at an operation passes through all of them.
    return [faults[(index * len(faults)) // count] for index in range(count)]
