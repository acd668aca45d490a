import json
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.runs.training_log import read_training_log

LINES = [
    {"step": 1, "steps": 40, "losses": {"dice": 0.9, "sdm": None}, "diagnostics": {"sdm_error": 0.5}},
    {"step": 20, "steps": 40, "losses": {"dice": 0.5, "sdm": 0.2}, "val": {"student_dice": 0.4}},
    {"step": 40, "steps": 40, "losses": {"dice": 0.3, "sdm": 0.1}},
    {"step": 40, "steps": 40, "val": {"student_dice": 0.7}},
]


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_reports_become_courses(tmp_path: Path) -> None:
    log = read_training_log(write(tmp_path, *map(json.dumps, LINES)), "seed 0")
    assert log.losses["dice"].steps.tolist() == [1, 20, 40]
    assert log.losses["dice"].values.tolist() == [0.9, 0.5, 0.3]
    assert np.isnan(log.losses["sdm"].values).tolist() == [True, False, False]
    assert log.validation["student_dice"].steps.tolist() == [20, 40]
    assert log.validation["student_dice"].values.tolist() == [0.4, 0.7]
    assert log.diagnostics["sdm_error"].values.tolist() == [0.5]
    assert (log.name, log.steps) == ("seed 0", 40)


def test_a_last_line_cut_off_is_passed_over(tmp_path: Path) -> None:
    log = read_training_log(write(tmp_path, json.dumps(LINES[0]), '{"step": 20, "st'), "seed 0")
    assert log.losses["dice"].steps.tolist() == [1]
    assert read_training_log(write(tmp_path), "seed 0").losses == {}


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"Line 1 of the log .*log\.jsonl is no report"):
        read_training_log(write(tmp_path, "garbage", json.dumps(LINES[0])), "seed 0")
    with pytest.raises(AnalysisError, match="can't be read"):
        read_training_log(tmp_path / "gone.jsonl", "seed 0")
