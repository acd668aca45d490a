"""Replay a command with a fault, run it again undisturbed, and compare what it leaves with an undisturbed run."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import cli
from analysis.errors import AnalysisError
from simcvd.errors import UserError
from tests.faults.kinds import Fault, Kind, faults_of, spread
from tests.faults.operations import Killed, Operation, Operations

Records = Mapping[str, Any]


@dataclass(frozen=True)
class Scene:
    """A command to disturb.

    Attributes:
        run: the command; it gets the folder that is watched.
        records: what it leaves: what counts, by file.
        shown: what a reader sees of them, by name: after a fault what it saw before or sees at the end, or nothing.
        begin: makes what is there before.
        again: the command that is run after the fault; none is the same one.
        of: whether an operation is disturbed, or belongs to another scene.
        work: how much was done in all, in a unit of the scene; a fault may cost `most_again` more than none.
        most_again: see there.
    """

    run: Callable[[Path], Any]
    records: Callable[[Path], Records]
    shown: Callable[[Path], Records] = lambda folder: {}
    begin: Callable[[Path], Any] = lambda folder: None
    again: Callable[[Path], Any] | None = None
    of: Callable[[Operation], bool] = lambda operation: True
    work: Callable[[Path], int] = lambda folder: 0
    most_again: int = 0

    def run_again(self, folder: Path) -> None:
        """Run the command that comes after a fault."""
        with Operations(folder):
            (self.again or self.run)(folder)


@dataclass
class Replay:
    """Replays faults of one scene.

    Attributes:
        scene: the command.
        place: an empty folder.
        again: the pytest command that repeats a fault, without its number.
    """

    scene: Scene
    place: Path
    again: str
    operations: list[Operation] = field(default_factory=list)
    _records: Records = field(default_factory=dict)
    _before: Records = field(default_factory=dict)
    _between: Records = field(default_factory=dict)
    _shown: Records = field(default_factory=dict)
    _work: int = 0

    def undisturbed(self) -> list[Fault]:
        """Run the command in peace and return its faults.

        A first run warms up what is made once a process, so that the operations of the second are those of all later
        ones.
        """
        for _ in range(2):
            folder = self._fresh()
            self._before = self.scene.shown(folder)
            with Operations(folder) as operations:
                self.scene.run(folder)
        self.operations, self._between = operations.seen, self.scene.shown(folder)
        if self.scene.again is not None:
            self.scene.run_again(folder)
        self._records, self._shown = self.scene.records(folder), self.scene.shown(folder)
        self._work = self.scene.work(folder)
        assert self._records, "the command leaves nothing"
        return [fault for fault in faults_of(self.operations) if self.scene.of(fault.operation)]

    def all(self, faults: Sequence[Fault], *, in_child: bool = False) -> None:
        """Replay faults and fail with all that come to another end."""
        wrong = []
        for fault in faults:
            try:
                self.one(fault, in_child=in_child)
            except AssertionError as error:
                wrong.append(f"{fault}\n  {error}\n  repeat it: {self.again} --seed {fault.number}")
        assert not wrong, f"{len(wrong)} of {len(faults)} faults:\n" + "\n".join(wrong)

    def one(self, fault: Fault, *, in_child: bool = False) -> None:
        """Replay one fault."""
        folder = self._fresh()
        locks = self._disturb(folder, fault, in_child)
        try:
            self._look(folder)
            if locks is not None:
                self._is_refused(folder)
        finally:
            if locks is not None:
                locks.let_go()
        with _told("the same command, run again,"):
            self.scene.run_again(folder)
        _same(self.scene.records(folder), self._records, "after the same command")
        again = self.scene.work(folder) - self._work
        assert again <= self.scene.most_again, f"{again} units of work were done again"

    def _disturb(self, folder: Path, fault: Fault, in_child: bool) -> Operations | None:
        kind = fault.kind
        operations = Operations(folder, fault.at, kind.strike, keep_locks=kind.keeps_locks)
        if in_child:
            _in_child(lambda: self._run_until(operations, folder, fault), operations)
            return None
        self._run_until(operations, folder, fault)
        return operations if kind.keeps_locks else None

    def _run_until(self, operations: Operations, folder: Path, fault: Fault) -> None:
        kind, ended = fault.kind, False
        with operations:
            try:
                self.scene.run(folder)
                ended = True
            except Killed:
                assert kind.kills, "the command was killed by no one"
            except Exception as error:
                _check_ending(kind, error)
        struck = operations.seen[fault.at] if fault.at < len(operations.seen) else None
        assert str(struck) == str(fault.operation), f"operation {fault.at} was {struck}: the scene is not repeatable"
        assert not (kind.kills and ended), "what was to kill was caught"

    def _is_refused(self, folder: Path) -> None:
        """Assert that the command is refused while a child of the dead one lives, and changes nothing."""
        before = self.scene.records(folder)
        try:
            self.scene.run_again(folder)
        except UserError:
            pass
        else:
            raise AssertionError("the command ran although its files are locked")
        _same(self.scene.records(folder), before, "beside a lock that is held")

    def _look(self, folder: Path) -> None:
        with _told("a reader after the fault"):
            shown = self.scene.shown(folder)
        for name, content in shown.items():
            right = [each[name] for each in (self._shown, self._between, self._before) if name in each]
            assert content in right, f"after the fault, {name} is shown as {content}, expected one of {right}"

    def _fresh(self) -> Path:
        begun, folder = self.place / "begun", self.place / "watched"
        if not begun.exists():
            begun.mkdir()
            with Operations(begun):
                self.scene.begin(begun)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(begun, folder, symlinks=True)
        return folder


def chosen(faults: Sequence[Fault], seed: int | None, most: int | None) -> Sequence[Fault]:
    """Return the fault of a seed, or a spread subset of `most`, or all."""
    if seed is None:
        return faults if most is None else spread(faults, most)
    found = [fault for fault in faults if fault.number == seed]
    if not found:
        pytest.skip(f"it has no fault {seed}, the last one is {faults[-1].number}")
    return found


def _check_ending(kind: Kind, error: Exception) -> None:
    if isinstance(error, AssertionError):
        raise error
    assert kind.fails, f"the command ended with an error: {error!r}"
    told = isinstance(error, UserError | AnalysisError) or (isinstance(error, OSError) and error.errno in cli.TOLD)
    assert told, f"the command ended with what is no sentence: {error!r}"


@contextmanager
def _told(who: str) -> Iterator[None]:
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{who} met {error!r}") from error


def _same(found: Records, expected: Records, when: str) -> None:
    assert not (lost := sorted(expected.keys() - found.keys())), f"{when}, {', '.join(lost)} is lost"
    assert not (left := sorted(found.keys() - expected.keys())), f"{when}, {', '.join(left)} is left"
    for name in expected:
        assert found[name] == expected[name], f"{when}, {name} differs: {found[name]!r:.300}"


def _in_child(run: Callable[[], None], operations: Operations) -> None:
    """Run in a child process, which really dies."""
    operations.die = lambda: os._exit(9)
    child = os.fork()
    if child == 0:
        try:
            run()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9, "the child was not killed"
