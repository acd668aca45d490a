"""What a tuning writes down is read as it was; a damaged file is one sentence."""

from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.tuning.record import TuneRecord, read_record, write_record
from sweeps.tuning.schedule import Schedule, StagePlan

RECORD = TuneRecord(
    "0123456789ab",
    Schedule(100, 5, 12, 3, 1, (StagePlan("baseline", 10, 60.5), StagePlan("search", 12, 400.0)), ("No ensemble.",)),
    {"training.batch_labeled": 1},
    ({"loss.sdm": 0.2},),
    ("A line.",),
    search_closed=True,
    used_s={"baseline": 12.5},
    lines={"baseline": ("Another line.",)},
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) == RECORD


def test_the_time_of_a_stage_adds_up_over_commands() -> None:
    again = RECORD.with_stage("baseline", 3.0, ("A third line.",)).with_stage("search", 2.0, ())
    assert again.used_s == {"baseline": 15.5, "search": 2.0}
    assert again.lines["baseline"] == ("A third line.",)


@pytest.mark.parametrize("text", ["{", "[]", '{"identity": "a"}', '{"schedule": {"stages": [], "reasons": []}}'])
def test_a_damaged_record_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "tune.json").write_text(text)
    with pytest.raises(UserError, match=r"tune\.json is damaged .* delete it"):
        read_record(tmp_path)
