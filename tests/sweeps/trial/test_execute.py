import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.runs.masks import masked_cases, read_mask
from analysis.runs.records import TRIAL_SCHEMA, read_cases, read_trials, write_trial
from simcvd.config import TrialConfig, apply_settings, config_hash, load_preset, trial_id
from simcvd.data.store import open_info
from simcvd.errors import DataError, UserError
from sweeps.status import trial as trial_state
from sweeps.status.trial import read_trial, trial_folder
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial, tidy_up
from sweeps.trial.failure_kinds import DiskFullError, RunsFolderError
from sweeps.trial.records import TrialStatus, record_failure
from sweeps.trial.terms import Contact, Device, Terms

Execute = Callable[..., TrialStatus]


def _config(**changes: Any) -> TrialConfig:
    return apply_settings(load_preset("phantom"), {"training.steps": 5} | changes)


@pytest.fixture
def execute(dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine]) -> Execute:
    """Run a trial of fake training in `tmp_path`."""

    def run(
        config: TrialConfig,
        runs: Path = tmp_path,
        *,
        should_stop: Callable[[], bool] | None = None,
        threads: int | None = None,
        **terms: Any,
    ) -> TrialStatus:
        return execute_trial(
            config,
            dataset,
            runs,
            trial_id=trial_id(config, open_info(dataset).digest),
            device=Device(threads=threads),
            contact=Contact(should_stop=should_stop),
            terms=Terms(**{"engine": make_engine()} | terms),
        )

    return run


def _steps(runs: Path, status: TrialStatus) -> list[int]:
    return [int(line) for line in (trial_folder(runs, status.trial_id) / "steps.txt").read_text().split()]


def test_a_stop_while_scoring_leaves_no_scores_and_no_masks(execute: Execute, tmp_path: Path) -> None:
    answers = iter([False] * 6 + [True])  # five steps, then one case
    status = execute(_config(), should_stop=lambda: next(answers))
    assert (status.state, status.message) == (
        "interrupted",
        "Stopped while scoring case4; run the same command again to continue.",
    )
    assert read_cases(tmp_path).empty
    assert masked_cases(tmp_path, status.trial_id) == []
    assert execute(_config()).state == "finished"
    assert masked_cases(tmp_path, status.trial_id) == ["case3", "case4", "case5"]


def test_a_finished_trial_leaves_val_and_test_rows_and_its_settings(
    execute: Execute, tmp_path: Path, dataset: Path
) -> None:
    config = _config(**{"data.label_split": 3, "data.labeled": 1})
    status = execute(config, threads=2)
    assert (status.state, status.skipped, status.steps, status.seconds) == ("finished", False, 5, 0.5)
    cases = read_cases(tmp_path)
    assert list(zip(cases["split"], cases["case_id"], strict=True)) == [
        ("test", "case3"),
        ("test", "case4"),
        ("test", "case5"),
        ("val", "case2"),
    ]
    assert cases["hd95_mm"].isna().all()
    assert masked_cases(tmp_path, status.trial_id) == ["case3", "case4", "case5"]
    mask = read_mask(tmp_path, status.trial_id, "case4")
    assert mask is not None
    assert mask.tolist() == [[[4] * 4] * 3] * 2
    row = read_trials(tmp_path).iloc[0]
    assert (row["status"], row["steps"], row["dataset"], row["label_split"]) == ("finished", 5, "boxes", 3)
    assert row["config_hash"] == config_hash(config, open_info(dataset).digest)
    assert row["setting.projection.dropout"] == 0.1
    assert not (trial_folder(tmp_path, status.trial_id) / "checkpoint").exists()


def test_a_finished_trial_is_not_run_again(execute: Execute, tmp_path: Path) -> None:
    first = execute(_config())
    second = execute(_config())
    assert (second.state, second.skipped, second.steps) == ("finished", True, 5)
    assert _steps(tmp_path, first) == [1, 2, 3, 4, 5]


def test_a_trial_with_a_row_but_without_case_scores_runs_again(execute: Execute, tmp_path: Path) -> None:
    first = execute(_config())
    trial_state.case_path(tmp_path, first.trial_id).unlink()
    assert not execute(_config()).skipped


def test_an_interrupted_trial_continues_where_it_stopped(execute: Execute, tmp_path: Path) -> None:
    config = _config()
    answers = iter([False, True])
    first = execute(config, should_stop=lambda: next(answers))
    assert (first.state, first.steps) == ("interrupted", 2)
    assert read_trials(tmp_path).iloc[0]["status"] == "interrupted"
    assert execute(config).state == "finished"
    assert _steps(tmp_path, first) == [1, 2, 3, 4, 5]


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("it was not to be called")


def test_without_test_a_trial_ends_validated_and_reads_no_test_case(
    execute: Execute, tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    config = _config()
    status = execute(config, test=False, engine=Engine(make_engine().train, _refuse))
    assert (status.state, status.skipped, status.steps) == ("validated", False, 5)
    assert read_cases(tmp_path)["split"].tolist() == ["val"]
    assert masked_cases(tmp_path, status.trial_id) == []
    assert read_trials(tmp_path)["status"].tolist() == ["validated"]
    assert not (trial_folder(tmp_path, status.trial_id) / "checkpoint").exists()
    state = read_trial(tmp_path, status.trial_id)
    assert (state.state, state.step, state.dice, state.dice_split) == ("validated", 5, 0.5, "val")

    again = execute(config, test=False, engine=Engine(_refuse, _refuse))
    assert (again.state, again.skipped, again.steps, again.seconds) == ("validated", True, 5, 0.5)


def test_the_test_scores_of_a_validated_trial_are_added_without_training(
    execute: Execute, tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    config, later, at_once = _config(), tmp_path / "later", tmp_path / "at once"
    execute(config, runs=later, test=False)
    scoring = Engine(_refuse, make_engine().evaluate)
    assert execute(config, runs=later, engine=scoring, should_stop=lambda: True).state == "interrupted"
    assert read_trials(later)["status"].tolist() == ["validated"]
    status = execute(config, runs=later, engine=scoring)
    assert (status.state, status.skipped, status.steps, status.seconds) == ("finished", False, 5, 0.5)

    execute(config, runs=at_once)
    pd.testing.assert_frame_equal(read_cases(later), read_cases(at_once))
    pd.testing.assert_frame_equal(read_trials(later), read_trials(at_once))
    assert masked_cases(later, status.trial_id) == ["case3", "case4", "case5"]
    assert execute(config, runs=later, test=False, engine=scoring).skipped
    assert read_trials(later)["status"].tolist() == ["finished"]


def test_what_killed_processes_left_half_written_is_deleted(execute: Execute, tmp_path: Path) -> None:
    answers = iter([False, True])
    identity = execute(_config(), should_stop=lambda: next(answers)).trial_id
    folder = trial_folder(tmp_path, identity)
    halves = [folder / "config.yaml.tmp-1", folder / "checkpoint" / "last.pt.tmp-1"]
    halves += [tmp_path / "results" / f"{kind}/.{identity}.parquet.tmp-1-0" for kind in ("cases", "trials")]
    halves.append(tmp_path / "results" / f"masks/.{identity}.h5.tmp-1-0")
    of_another = tmp_path / "results/cases/.another.parquet.tmp-1-0"
    for path in [*halves, of_another]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    assert execute(_config()).state == "finished"
    assert [path.exists() for path in halves] == [False] * 5
    assert of_another.exists()


@pytest.mark.parametrize("kind", ["data", "worker_lost"])
def test_a_failure_that_is_not_of_the_training_keeps_the_steps_done(
    execute: Execute, dataset: Path, tmp_path: Path, kind: str
) -> None:
    answers = iter([False, True])
    identity = execute(_config(), should_stop=lambda: next(answers)).trial_id
    record_failure(_config(), dataset, tmp_path, identity, kind, "It was not to blame.", "its log")
    assert (trial_folder(tmp_path, identity) / "failure.txt").read_text() == "its log"
    status = execute(_config(), retry_failed=True)
    assert status.state == "finished"
    assert _steps(tmp_path, status) == [1, 2, 3, 4, 5]
    assert not (trial_folder(tmp_path, identity) / "failure.txt").exists()


def test_a_trial_that_failed_in_its_test_scores_alone_is_not_trained_again(
    execute: Execute, dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    def damaged(*_: Any, **__: Any) -> Any:
        raise DataError("case3.h5 is truncated.")

    execute(_config(), test=False)
    with pytest.raises(DataError):
        execute(_config(), engine=Engine(_refuse, damaged))
    status = execute(_config(), test=False)
    record_failure(_config(), dataset, tmp_path, status.trial_id, "data", "case3.h5 is truncated.")
    again = execute(_config(), engine=Engine(_refuse, make_engine().evaluate), retry_failed=True)
    assert (again.state, again.steps, again.seconds) == ("finished", 5, 0.5)


def test_a_full_disk_is_told_and_leaves_the_trial_to_go_on(execute: Execute, tmp_path: Path) -> None:
    def fill(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a writer that says nothing") from OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError, match="is full; make room and run the same command again"):
        execute(_config(), engine=Engine(fill, fill))
    assert read_trials(tmp_path).empty
    assert execute(_config()).state == "finished"


def test_storage_that_fails_is_no_failure_of_the_trial_which_goes_on(execute: Execute, tmp_path: Path) -> None:
    fails = iter([False, True])

    def look() -> bool:
        if next(fails, False):
            raise OSError(errno.EIO, "Input/output error", str(tmp_path / "trials" / "log.jsonl"))
        return False

    with pytest.raises(RunsFolderError, match=r"^The storage of .* failed on .* \(Input/output error\); see to it and"):
        execute(_config(), should_stop=look)
    assert read_trials(tmp_path).empty
    status = execute(_config())
    assert (status.state, _steps(tmp_path, status)) == ("finished", [1, 2, 3, 4, 5])


@pytest.mark.parametrize("terms", [{}, {"test": False}])
def test_the_checkpoint_that_a_kill_has_left_of_a_trial_that_is_over_is_deleted(
    execute: Execute, tmp_path: Path, terms: dict[str, Any]
) -> None:
    status = execute(_config(), **terms)
    left = trial_folder(tmp_path, status.trial_id) / "checkpoint"
    left.mkdir()
    running = trial_folder(tmp_path, "another") / "checkpoint"
    running.mkdir(parents=True)
    tidy_up(tmp_path, [status.trial_id, "another", "third"])
    assert (left.exists(), running.exists()) == (False, True)
    assert not trial_folder(tmp_path, "third").exists()


@pytest.mark.parametrize("lost", ["weights", "scores", "scores are damaged"])
def test_a_validated_trial_that_has_lost_a_file_is_trained_again(execute: Execute, tmp_path: Path, lost: str) -> None:
    first = execute(_config(), test=False)
    if lost == "weights":
        (trial_folder(tmp_path, first.trial_id) / "student.safetensors").unlink()
    elif lost == "scores":
        trial_state.case_path(tmp_path, first.trial_id).unlink()
    else:
        trial_state.case_path(tmp_path, first.trial_id).write_bytes(b"PAR1")
    assert execute(_config()).state == "finished"
    assert _steps(tmp_path, first) == [1, 2, 3, 4, 5] * 2


def test_a_ctrl_c_while_adding_test_scores_loses_no_training(execute: Execute, tmp_path: Path) -> None:
    def press() -> bool:
        raise KeyboardInterrupt

    execute(_config(), test=False)
    with pytest.raises(KeyboardInterrupt):
        execute(_config(), should_stop=press)
    assert read_trials(tmp_path)["status"].tolist() == ["validated"]


def test_a_trial_that_a_search_stopped_continues_from_its_checkpoint(execute: Execute, tmp_path: Path) -> None:
    answers = iter([False, True])
    first = execute(_config(), should_stop=lambda: next(answers))
    row = read_trials(tmp_path).iloc[0].to_dict()
    base = {key: row[key] for key in TRIAL_SCHEMA if row[key] == row[key] and row[key] is not None}
    write_trial(tmp_path, base | {"status": "stopped"})
    state = read_trial(tmp_path, first.trial_id)
    assert (state.state, state.step, state.steps) == ("stopped", 2, 5)
    assert execute(_config()).state == "finished"
    assert _steps(tmp_path, first) == [1, 2, 3, 4, 5]


def test_a_second_ctrl_c_is_recorded_and_passed_on(execute: Execute, tmp_path: Path) -> None:
    def press() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(_config(), should_stop=press)
    assert read_trials(tmp_path).iloc[0]["status"] == "interrupted"


@pytest.mark.parametrize(
    ("sdm", "kind", "message"),
    [(9.0, "nan", "step 3"), (8.0, "out_of_memory", "Memory"), (7.0, "ZeroDivisionError", "a bug")],
)
def test_a_failure_is_recorded_and_not_retried_unasked(
    execute: Execute, tmp_path: Path, sdm: float, kind: str, message: str
) -> None:
    config = _config(**{"loss.sdm": sdm})
    first = execute(config)
    assert (first.state, first.kind, first.skipped) == ("failed", kind, False)
    row = read_trials(tmp_path).iloc[0]
    assert (row["status"], row["failure_kind"]) == ("failed", kind)
    assert message in row["failure_message"]
    assert kind in (trial_folder(tmp_path, first.trial_id) / "failure.txt").read_text() or kind != "ZeroDivisionError"
    again = execute(config)
    assert (again.state, again.kind, again.skipped) == ("failed", kind, True)


def test_a_failed_trial_starts_anew_when_asked(execute: Execute, tmp_path: Path) -> None:
    config = _config(**{"loss.sdm": 9.0})
    status = execute(config)
    assert execute(config, retry_failed=True).state == "failed"
    assert _steps(tmp_path, status) == [1, 2, 1, 2]


def test_wrong_settings_are_not_recorded_as_a_failure(execute: Execute, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise UserError("No.")

    with pytest.raises(UserError, match="No"):
        execute(_config(), engine=Engine(refuse, refuse))
    assert read_trials(tmp_path).empty
