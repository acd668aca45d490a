"""The harness itself finds what a careless command does."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.errors import UserError
from simcvd.files import write_file
from sweeps.status.lock import trial_lock
from tests.faults.content import files
from tests.faults.kinds import KINDS, faults_of, spread
from tests.faults.operations import Killed, Operation, Operations
from tests.faults.replay import Records, Replay, Scene, chosen


def _refused(place: Path, run: Callable[[Path], None], shown: Callable[[Path], Records] = files) -> str:
    """Return what the harness says of a command."""
    replay = Replay(Scene(run, files, shown), place, "pytest me")
    with pytest.raises(AssertionError) as caught:
        replay.all(replay.undisturbed())
    return str(caught.value)


def test_a_command_that_writes_by_rename_passes(place: Path) -> None:
    def tidy(folder: Path) -> None:
        with trial_lock(folder):
            for half in folder.glob(".*.tmp-*"):
                half.unlink()
            write_file(folder / "rows.csv", "a,b\n" * 1000)

    replay = Replay(Scene(tidy, lambda folder: files(folder, without=["lock"])), place, "pytest me")
    faults = replay.undisturbed()
    assert {fault.kind for fault in faults} == set(KINDS)
    assert [operation.name for operation in replay.operations] == [
        *("open", "truncate", "write"),  # the lock
        *("open", "write", "fsync", "replace"),
    ]
    replay.all(faults)


def test_a_file_that_is_written_in_place_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        (folder / "rows.csv").write_text("a,b\n" * 1000)

    told = _refused(place, careless)
    assert "killed within write rows.csv (operation 1)" in told
    assert "repeat it: pytest me --seed" in told


def test_a_file_that_is_taken_for_whole_once_it_is_there_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        if not (folder / "rows.csv").exists():
            (folder / "rows.csv").write_text("a,b\n" * 1000)

    assert "after the same command, rows.csv differs" in _refused(place, careless, lambda folder: {})


def test_a_file_that_is_renamed_before_it_is_flushed_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        if not (folder / "rows.csv").exists():
            write_file(folder / "rows.csv", "a,b\n" * 1000, durable=False)

    assert "a power cut after replace rows.csv" in _refused(place, careless)


def test_what_is_left_behind_is_found(place: Path) -> None:
    assert ".tmp-" in _refused(place, lambda folder: write_file(folder / "rows.csv", "a,b\n"))


def test_an_error_that_is_no_sentence_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        try:
            write_file(folder / "rows.csv", "a,b\n")
        except OSError:
            raise ZeroDivisionError from None

    assert "the command ended with what is no sentence: ZeroDivisionError()" in _refused(place, careless)


def test_a_handler_that_catches_a_kill_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        try:
            (folder / "rows.csv").write_text("a,b\n")
        except BaseException:
            return

    assert "what was to kill was caught" in _refused(place, careless)


def test_a_file_that_depends_on_the_clock_is_found(place: Path) -> None:
    began = time.time()

    def careless(folder: Path) -> None:
        write_file(folder / "a.txt", "a")
        if not (folder / "b.txt").exists():
            write_file(folder / "b.txt", str(round((time.time() - began) / 86_400)))

    told = _refused(place, careless)
    assert "the clock a day late from open .a.txt.tmp-*-* (operation 0) on" in told
    assert "the clock a day early from replace a.txt (operation 3) on" in told


def test_a_lock_that_is_not_asked_for_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        try:
            with trial_lock(folder, wait_s=1):
                write_file(folder / "rows.csv", "a,b\n")
        except UserError:
            write_file(folder / "rows.csv", "a,b\n")

    assert "the command ran although its files are locked" in _refused(place, careless)


def test_work_that_is_done_again_is_found(place: Path) -> None:
    def careless(folder: Path) -> None:
        with (folder / "steps.txt").open("a", buffering=1) as file:
            for step in range(3):
                file.write(f"{step}\n")

    def steps(folder: Path) -> int:
        return len((folder / "steps.txt").read_text().split())

    scene = Scene(careless, lambda folder: {"steps.txt": None}, work=steps, most_again=1)
    replay = Replay(scene, place, "pytest me")
    with pytest.raises(AssertionError, match="2 units of work were done again"):
        replay.all(replay.undisturbed())


def test_what_a_dead_process_writes_reaches_no_file(place: Path) -> None:
    def strike(operations: Operations, operation: Operation, act: Callable[..., object]) -> None:
        operations.kill()

    def run() -> None:
        with operations, (place / "a.txt").open("w") as file:
            file.write("buffered")
            os.mkdir(place / "b")

    operations = Operations(place, 1, strike)
    with pytest.raises(Killed):
        run()
    assert [operation.name for operation in operations.seen] == ["open", "mkdir"]
    assert (place / "a.txt").read_text() == ""
    assert not (place / "b").exists()


def test_numbers_of_faults_stay_and_some_are_spread_over_all() -> None:
    operations = [Operation("open", "a"), Operation("write", "a"), Operation("replace", "a", locked=True)]
    faults = faults_of(operations)
    assert [fault.number for fault in faults] == list(range(len(faults)))
    assert str(faults[0]) == "0: killed before open a (operation 0)"
    some = spread(faults, 5)
    assert [fault.number for fault in some] == sorted({fault.number for fault in some})
    assert {fault.at for fault in some} == {0, 1, 2}
    assert chosen(faults, 3, 5) == [faults[3]]
    assert chosen(faults, None, None) == faults
    with pytest.raises(pytest.skip.Exception, match="it has no fault 99"):
        chosen(faults, 99, 5)
