import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from analysis.errors import AnalysisError
from simcvd.config import apply_settings, load_preset
from sweeps.execute import Engine, execute_trial
from sweeps.progress import ProgressDisplay, render
from sweeps.status import OUTSIDE, Planned, Row, SweepReader, SweepState, duration, read_status
from sweeps.trial_state import TrialState, read_trial, trial_folder, trial_lock


def _log(runs: Path, trial: str, *points: tuple[int, float], steps: int = 100) -> None:
    folder = trial_folder(runs, trial)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, "steps": steps, "seconds": seconds}) for step, seconds in points]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")


def test_a_trial_without_files_waits(tmp_path: Path) -> None:
    assert read_trial(tmp_path, "a", steps=7) == TrialState("a", "waiting", steps=7)


def test_a_held_trial_runs_at_its_recent_rate(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0), (40, 110.0), (60, 120.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        state = read_trial(tmp_path, "a")
    assert (state.state, state.step, state.steps) == ("running", 60, 100)
    assert (state.steps_per_second, state.eta_seconds) == (2.0, 20.0)


def test_a_trial_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    assert read_trial(tmp_path, "a").state == "interrupted"


def test_a_fresh_log_counts_where_the_lock_of_another_host_is_unseen(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    (trial_folder(tmp_path, "a") / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert read_trial(tmp_path, "a").state == "running"


def test_a_trial_at_its_last_step_is_being_evaluated(tmp_path: Path) -> None:
    _log(tmp_path, "a", (100, 50.0))
    with trial_lock(trial_folder(tmp_path, "a")):
        assert read_trial(tmp_path, "a").state == "evaluating"


def test_a_log_line_cut_off_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        file.write('{"step": 40, "st')
    assert read_trial(tmp_path, "a").step == 20


def test_validation_dice_of_the_predicting_network_is_shown(tmp_path: Path) -> None:
    _log(tmp_path, "a", (20, 100.0))
    with (trial_folder(tmp_path, "a") / "log.jsonl").open("a") as file:
        line = {"step": 40, "steps": 100, "seconds": 110, "val": {"student_dice": 0.6, "teacher_dice": 0.7}}
        file.write(json.dumps(line) + "\n")
    state = read_trial(tmp_path, "a")
    assert (state.dice, state.dice_split) == (0.6, "val")


@pytest.fixture
def runs(tmp_path: Path, dataset: Path, make_engine: Callable[..., Engine]) -> Path:
    """A sweep with a finished, a failed and a waiting trial, and a trial outside it."""
    base = apply_settings(load_preset("phantom"), {"training.steps": 5})
    for name, sdm in (("fine", 0.1), ("broken", 9.0), ("simcvd-s3-abc", 0.2)):
        config = apply_settings(base, {"loss.sdm": sdm})
        execute_trial(config, dataset, tmp_path, trial_id=name, engine=make_engine())
    variants = [{"name": name, "set": {}, "trials": [{"seed": 0, "id": name}]} for name in ("fine", "broken", "later")]
    content = {"name": "mine", "metric": "dice", "reference": None, "dataset": {"name": "boxes"}, "variants": variants}
    (tmp_path / "sweeps" / "mine").mkdir(parents=True)
    (tmp_path / "sweeps" / "mine" / "sweep.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_status_tells_finished_failed_with_reason_and_waiting(runs: Path) -> None:
    mine, outside = read_status(runs)
    assert [row.trial.state for row in mine.rows] == ["finished", "failed", "waiting"]
    assert mine.rows[0].trial.dice_split == "test"
    assert mine.rows[1].trial.failure_kind == "nan"
    assert (outside.name, outside.rows[0].planned.seed, outside.rows[0].trial.state) == (OUTSIDE, 3, "finished")
    assert read_status(runs, "mine") == [mine]
    with pytest.raises(AnalysisError, match="no sweep 'mien'"):
        read_status(runs, "mien")


def _rows(*trials: TrialState) -> tuple[Row, ...]:
    return tuple(Row(Planned(t.id, f"projection.dropout={i}", i), t) for i, t in enumerate(trials))


def test_the_eta_divides_the_remaining_steps_among_the_slots() -> None:
    finished = TrialState("a", "finished", 100, 100, steps_per_second=2.0, evaluation_seconds=10.0)
    running = TrialState("b", "running", 50, 100, steps_per_second=2.0, eta_seconds=25.0)
    waiting = TrialState("c", "waiting", 0, 100)
    # 25 s and 50 s of training, 10 s of evaluation each.
    assert SweepState("mine", _rows(finished, running, waiting), slots=2).eta_seconds == 60.0
    assert SweepState("mine", _rows(finished, running, waiting), slots=1).eta_seconds == 95.0
    assert SweepState("mine", _rows(waiting)).eta_seconds is None


def test_the_summary_counts_every_state() -> None:
    state = SweepState(
        "mine", _rows(TrialState("a", "finished"), TrialState("b", "failed"), TrialState("c", "waiting"))
    )
    assert state.summary() == "mine: 1 of 3 finished, 1 failed, 1 waiting"


def _drawn(state: SweepState, width: int, height: int | None = None) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(render(state, width, height))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_its_terminal(width: int) -> None:
    running = TrialState(
        "b", "running", 1500, 6000, steps_per_second=1.25, eta_seconds=3600, dice=0.5, dice_split="val"
    )
    lines = _drawn(SweepState("mine", _rows(running, TrialState("c", "interrupted", 10, 6000))), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "1500/6000" in text
    assert "1 h 00 min" in text
    assert "interrupted" in text
    assert ("0.500 val" in text) == (width >= 84)


def test_a_table_higher_than_the_terminal_shows_what_runs_and_counts_the_rest() -> None:
    trials = [TrialState(f"f{i}", "finished") for i in range(30)] + [TrialState("r", "running")]
    lines = _drawn(SweepState("mine", _rows(*trials)), 80, 15)
    assert len(lines) <= 15
    assert any("running" in line and "=30" in line for line in lines)
    assert any("and 23 finished" in line for line in lines)


def _wait_for(text: str, out: io.StringIO) -> None:
    end = time.monotonic() + 60
    while text not in out.getvalue():
        assert time.monotonic() < end, f"{text!r} never came; the output is {out.getvalue()!r}"
        time.sleep(0.05)


def test_plain_output_has_one_line_per_change_and_no_control_characters(tmp_path: Path) -> None:
    out = io.StringIO()
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    notices = tmp_path / "notices.txt"
    with ProgressDisplay(reader, Console(file=out, width=60), notices):
        _wait_for("1 waiting", out)
        notices.write_text("Mind the crop.\nMind the crop.\n")
        _log(tmp_path, "a", (20, 10.0))
        with trial_lock(trial_folder(tmp_path, "a")):
            _wait_for("running, step 20/100", out)
            _wait_for("Mind the crop.", out)
    text = out.getvalue()
    assert text.count("A seed 0: running, step 20/100, ETA 40 s") == 1
    assert text.count("Mind the crop.") == 1
    assert text.splitlines()[-1].endswith("mine: 0 of 1 finished, 1 interrupted")
    assert "\x1b" not in text


def test_durations_read_well() -> None:
    assert [duration(s) for s in (42, 200, 18420)] == ["42 s", "3 min 20 s", "5 h 07 min"]
