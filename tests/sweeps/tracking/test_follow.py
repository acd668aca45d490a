import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.tried_setting import TriedSetting, write_setting
from sweeps.tracking.follow import Follower
from sweeps.tracking.names import NamedRun
from sweeps.tracking.tracker import Numbers

Write = Callable[..., None]
RunTrial = Callable[..., str]


@dataclass
class Shown:
    """A run as somebody would see it."""

    title: str
    settings: Mapping[str, Any]
    steps: list[int] = field(default_factory=list)
    last: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] | None = None
    failed: bool | None = None
    begun: int = 0


class Board:
    """A tracker that keeps everything."""

    def __init__(self) -> None:
        self.runs: dict[str, Shown] = {}
        self.refuses: str | None = None

    def begin(self, run: NamedRun, key: str, known: str | None, settings: Mapping[str, Any]) -> str:
        assert known is None or known == key
        self.runs.setdefault(key, Shown(run.title, settings)).begun += 1
        return key

    def log(self, known: str, reports: Sequence[Numbers]) -> None:
        run = self.runs[known]
        for report in reports:
            if run.title == self.refuses:
                raise ConnectionError("no network")
            run.steps.append(report.step)
            run.last = report.values

    def finish(self, known: str, scores: Numbers, *, failed: bool) -> None:
        run = self.runs[known]
        run.scores, run.failed = scores.values, failed

    def close(self) -> None:
        pass


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def follower(tmp_path: Path, board: Board) -> Follower:
    return Follower(tmp_path, "mine", "board", board)


def write_lines(runs: Path, trial_id: str, *reports: Mapping[str, Any]) -> None:
    folder = runs / "trials" / trial_id
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.yaml").exists():
        (folder / "config.yaml").write_text("seed: 0\nloss: {sdm: 0.1}\n")
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(report)}\n" for report in reports))


def report(step: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {"step": step, "steps": 3, "seconds": seconds, "losses": {"dice": 1 / step}, **more}


def test_a_finished_trial_is_shown_with_settings_numbers_and_test_score(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    assert run_trial("a") == "finished"
    follower.send()
    (run,) = board.runs.values()
    assert run.title == "mine/one seed 0"
    assert (run.settings["loss.sdm"], run.settings["training.steps"]) == (0.1, 3)
    assert run.steps == [1, 2, 3]
    # The three test cases have 0.43, 0.44 and 0.45 and a part that hangs on the trial's name; their mean is the middle.
    part = int("ca97", 16) / 2**17  # the first letters of sha256 of "a"
    assert run.scores == pytest.approx({"val_dice": 0.5, "test_dice": 0.44 + part})
    assert run.failed is False


def test_a_searched_setting_is_never_shown_by_its_test_scores(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, board: Board, follower: Follower
) -> None:
    write_sweep(default={1: "later"})
    write_setting(tmp_path / "sweeps" / "mine" / "search", TriedSetting(7, {}).training(3, "a"))
    assert run_trial("a") == "finished", "as one whose test cases another sweep has scored"
    follower.send()
    (run,) = board.runs.values()
    assert (run.title, run.scores) == ("mine/search 7 seed 0", {"val_dice": 0.5})


def test_the_same_is_never_sent_twice_whoever_follows(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    run_trial("a")
    follower.send()
    follower.send()
    Follower(tmp_path, "mine", "board", board).send()
    (run,) = board.runs.values()
    assert (run.steps, run.begun) == ([1, 2, 3], 1)


def test_numbers_have_the_names_that_tensorboard_shows(
    tmp_path: Path, write_sweep: Write, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    write_lines(tmp_path, "a", report(1, 0.5, total=2, val={"student_dice": 0.7}, weights={"dice": None}))
    follower.send()
    (run,) = board.runs.values()
    assert run.last == {"seconds": 0.5, "losses/dice": 1.0, "total": 2.0, "val/student_dice": 0.7}


def test_a_trial_that_goes_on_is_the_same_run_with_no_step_twice(
    tmp_path: Path, write_sweep: Write, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    write_lines(tmp_path, "a", report(1, 0.5), report(2, 0.9))
    follower.send()
    # Step 2 came after the checkpoint and is done again; the last report has the number of the last step.
    last = {"step": 3, "steps": 3, "seconds": 2.0, "val": {"student_dice": 0.5}}
    write_lines(tmp_path, "a", report(1, 0.5), report(2, 1.3), report(3, 1.7), last)
    Follower(tmp_path, "mine", "board", board).send()
    (run,) = board.runs.values()
    assert (run.steps, run.begun) == ([1, 2, 3, 3], 2)
    assert run.last == {"seconds": 2.0, "val/student_dice": 0.5}
    assert run.scores is None


def test_a_training_that_begins_anew_is_another_run(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    assert run_trial("a", sdm=9.0) == "failed"
    write_lines(tmp_path, "a", report(1, 0.5), report(2, 0.9))
    follower.send()
    (first,) = board.runs.values()
    assert (first.steps, first.failed) == ([1, 2], True)
    write_lines(tmp_path, "a", report(1, 0.6))
    follower.send()
    first, second = board.runs.values()
    assert (first.steps, second.steps) == ([1, 2], [1])
    assert first.title == second.title


def test_a_trial_that_waits_has_no_run_and_half_a_line_waits_for_its_end(
    tmp_path: Path, write_sweep: Write, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"}, other={0: "b"})
    write_lines(tmp_path, "a", report(1, 0.5))
    log = tmp_path / "trials" / "a" / "log.jsonl"
    log.write_text(f"{log.read_text()}{json.dumps(report(2, 0.9))[:10]}")
    follower.send()
    (run,) = board.runs.values()
    assert run.steps == [1]


def test_what_was_sent_before_a_failure_is_known_afterwards(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, board: Board, follower: Follower
) -> None:
    write_sweep(one={0: "a"}, other={0: "b"})
    run_trial("a")
    run_trial("b")
    board.refuses = "mine/other seed 0"
    with pytest.raises(ConnectionError):
        follower.send()
    board.refuses = None
    Follower(tmp_path, "mine", "board", board).send()
    one, other = board.runs.values()
    assert (one.steps, one.begun) == ([1, 2, 3], 1)
    assert (other.steps, other.scores is not None) == ([1, 2, 3], True)


def test_nothing_of_a_trial_is_changed(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, follower: Follower
) -> None:
    write_sweep(one={0: "a"})
    run_trial("a")

    def content() -> dict[Path, bytes]:
        files = [*(tmp_path / "trials").rglob("*"), *(tmp_path / "results").rglob("*")]
        return {path: path.read_bytes() for path in files if path.is_file()}

    before = content()
    follower.send()
    assert content() == before
