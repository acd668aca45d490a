import json
import math
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.tried_setting import (
    Training,
    TriedSetting,
    load_setting,
    read_setting,
    read_settings,
    write_setting,
)

SETTING = TriedSetting(
    3,
    {"loss.sdm": 0.2, "data.crop_vox": [16, 16, 16]},
    (Training(5, "simcvd-s0-a"), Training(10, "simcvd-s0-b")),
    "complete",
    0.46,
    {5: 0.3},
)
TEXT = """{
 "number": 3,
 "params": {
  "loss.sdm": 0.2,
  "data.crop_vox": [
   16,
   16,
   16
  ]
 },
 "trials": [
  {
   "steps": 5,
   "id": "simcvd-s0-a"
  },
  {
   "steps": 10,
   "id": "simcvd-s0-b"
  }
 ],
 "state": "complete",
 "value": 0.46,
 "rungs": {
  "5": 0.3
 }
}
"""


def test_a_setting_is_written_as_version_01_wrote_it_and_read_back(tmp_path: Path) -> None:
    write_setting(tmp_path / "search", SETTING)
    assert (tmp_path / "search" / "3.json").read_text() == TEXT
    assert read_setting(tmp_path / "search", 3) == SETTING


def test_a_score_that_is_no_number_is_kept_and_counts_for_nothing(tmp_path: Path) -> None:
    write_setting(tmp_path, TriedSetting(0, {}, state="complete", value=math.nan))
    read = read_setting(tmp_path, 0)
    assert read is not None
    assert read.value is not None
    assert math.isnan(read.value)
    assert not read.scored


@pytest.mark.parametrize(
    ("state", "value", "scored"),
    [("complete", 0.5, True), ("complete", None, False), ("complete", math.inf, False), ("pruned", 0.5, False)],
)
def test_a_setting_counts_where_it_was_trained_to_the_end(state: Any, value: float | None, scored: bool) -> None:
    assert TriedSetting(0, {}, state=state, value=value).scored == scored


def test_the_last_training_is_the_current_one_and_stands_once() -> None:
    bare = TriedSetting(0, {})
    assert (bare.steps, bare.trial_id) == (0, "")
    once = bare.training(5, "a").training(10, "b")
    assert (once.steps, once.trial_id) == (10, "b")
    assert once.training(5, "a") == once


def test_settings_come_by_number_without_what_else_lies_there(tmp_path: Path) -> None:
    for number in (10, 2):
        write_setting(tmp_path, TriedSetting(number, {}))
    (tmp_path / "identity.json").write_text('{"identity": "abc"}')
    (tmp_path / ".3.json.tmp-1").write_text("{")
    assert [setting.number for setting in read_settings(tmp_path)] == [2, 10]
    assert read_settings(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("text", ['{"number": 5, "par', "", "\udce9"])
def test_a_torn_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "5.json").write_bytes(text.encode(errors="surrogateescape"))
    assert load_setting(tmp_path, 5) is None
    assert read_settings(tmp_path) == ()


@pytest.mark.parametrize(
    "change", [{"state": "lost"}, {"number": "x"}, {"params": None}, {"trials": [{}]}, {"rungs": []}, {"value": ...}]
)
def test_a_foreign_file_is_none_or_an_error_as_the_reader_wants(tmp_path: Path, change: dict[str, Any]) -> None:
    content = {key: value for key, value in (json.loads(TEXT) | change).items() if value is not ...}
    (tmp_path / "3.json").write_text(json.dumps(content))
    assert read_setting(tmp_path, 3) is None
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        load_setting(tmp_path, 3)
