from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from analysis.runs.records import CASE_SCHEMA, read_trials
from simcvd.config import TrialConfig, apply_settings, load_preset
from sweeps.trial.records import TrialRecords, TrialStatus, clear_half_written, record_failure

CONFIG: TrialConfig = apply_settings(load_preset("phantom"), {"training.steps": 5})


@pytest.fixture
def records(dataset: Path, tmp_path: Path) -> TrialRecords:
    """The records of a trial that has nothing yet."""
    made = TrialRecords(CONFIG, dataset, tmp_path, "t")
    made.folder.mkdir(parents=True)
    return made


def test_a_lost_trial_can_be_recorded_by_others(dataset: Path, tmp_path: Path) -> None:
    status = record_failure(CONFIG, dataset, tmp_path, "lost", "worker_lost", "It went away.")
    assert status.kind == "worker_lost"
    assert read_trials(tmp_path).iloc[0]["failure_message"] == "It went away."


def test_steps_and_seconds_come_from_the_log_where_they_are_not_given(records: TrialRecords, tmp_path: Path) -> None:
    (records.folder / "log.jsonl").write_text('{"step": 3, "steps": 5, "seconds": 0.3}\n')
    assert records.write("interrupted", message="Stopped.") == TrialStatus(
        "t", "interrupted", False, None, "Stopped.", 3, 0.3
    )
    row = read_trials(tmp_path).iloc[0]
    assert (row["status"], row["steps"]) == ("interrupted", 3)
    assert pd.isna(row["failure_message"]), "it did not fail"
    assert records.write("finished", steps=5, seconds=0.5, write=False).steps == 5
    assert read_trials(tmp_path).iloc[0]["status"] == "interrupted", "another worker writes"


def test_a_failure_is_one_sentence_beside_its_traceback(records: TrialRecords) -> None:
    try:
        raise ZeroDivisionError("a\n  bug")
    except ZeroDivisionError as error:
        status = records.fail("ZeroDivisionError", error)
    assert (status.state, status.message) == ("failed", "a bug")
    assert "Traceback" in (records.folder / "failure.txt").read_text()
    assert records.fail("KeyError", KeyError()).message == "KeyError", "an error that says nothing has a name"


def test_scores_become_rows_that_say_whose_they_are(records: TrialRecords) -> None:
    score = SimpleNamespace(
        **dict.fromkeys(CASE_SCHEMA),
    )
    score.case_id, score.trial_id = "case3", "of another"
    (row,) = records.rows("test", [score])
    assert list(row) == list(CASE_SCHEMA)
    assert (row["trial_id"], row["split"], row["case_id"], row["dataset"]) == ("t", "test", "case3", "boxes")


def test_halves_of_this_trial_alone_are_deleted(records: TrialRecords, tmp_path: Path) -> None:
    cases = tmp_path / "results" / "cases"
    halves = [records.folder / "config.yaml.tmp-1", cases / ".t.parquet.tmp-1-0"]
    kept = [records.folder / "config.yaml", cases / "t.parquet", cases / ".another.parquet.tmp-1-0"]
    cases.mkdir(parents=True)
    for path in (*halves, *kept):
        path.touch()
    clear_half_written(tmp_path, "t")
    assert [path.exists() for path in (*halves, *kept)] == [False, False, True, True, True]


def test_settings_of_cross_validation_are_told_where_there_is_some(dataset: Path, tmp_path: Path) -> None:
    """Rows of other trials are what they were, so that old and new ones of a sweep differ in nothing."""
    told = {"plain": {}, "fold": {"data.fold": [1, 2]}, "final": {"data.train_on_val": True}}
    for name, changes in told.items():
        (tmp_path / name).mkdir()
        records = TrialRecords(apply_settings(CONFIG, changes), dataset, tmp_path / name, name)
        records.folder.mkdir(parents=True)
        records.write("finished", steps=5, seconds=0.5)
    columns = {name: set(read_trials(tmp_path / name).columns) for name in told}
    assert columns["fold"] - columns["plain"] == {"setting.data.fold"}
    assert columns["final"] - columns["plain"] == {"setting.data.train_on_val"}
    assert list(read_trials(tmp_path / "fold").iloc[0]["setting.data.fold"]) == [1, 2]
