"""What a tuning writes down is read as it was; a damaged file is one sentence."""

import json
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.tuning.record import TuneRecord, closing, read_record, stage_sweeps, write_record
from sweeps.tuning.schedule import Schedule, StagePlan
from sweeps.tuning.stages import confirm_sweep

RECORD = TuneRecord(
    "0123456789ab",
    Schedule(100, 5, 12, 3, 1, (StagePlan("baseline", 10, 60.5), StagePlan("search", 12, 400.0)), ("No ensemble.",)),
    {"training.batch_labeled": 1},
    ({"loss.sdm": 0.2},),
    ("A line.",),
    limit_s=480.0,
    closed={"search": "0123456789ab"},
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


STAGES = Schedule(
    100,
    0,
    8,
    2,
    1,
    tuple(map(StagePlan, ("baseline", "search", "confirm", "final"), (2, 8, 6, 1), (100.0, 400.0, 300.0, 100.0))),
)


@pytest.mark.parametrize(
    ("used", "stage", "left", "seconds"),
    [
        ({}, "baseline", 1000.0, 200.0),  # 800 for the others
        ({"baseline": 50.0}, "search", 950.0, 550.0),  # what was saved is the next one's
        ({"baseline": 110.0}, "search", 1000.0, 560.0),  # a tenth slower: 440 for the others
        ({"baseline": 200.0}, "search", 1000.0, 500.0),  # half of what is left, as of what is expected
        ({"baseline": 200.0}, "search", 600.0, 200.0),  # too little anyway: as planned
        ({"baseline": 100.0, "search": 600.0}, "confirm", 600.0, 450.0),
        ({"baseline": 100.0, "search": 600.0, "confirm": 300.0}, "final", 170.0, 170.0),
        ({"baseline": 500.0}, "search", 100.0, 1.0),
    ],
)
def test_later_stages_keep_what_they_need_at_the_pace_of_the_earlier_ones(
    used: dict[str, float], stage: str, left: float, seconds: float
) -> None:
    record = TuneRecord("0123456789ab", STAGES, used_s=used)
    assert record.seconds_for(stage, left) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("steps", value) for value in ("abc", 0, None)),
        *(("trials", value) for value in ("ten", 1, -1)),
        *(("seeds", value) for value in (0, "x")),
        *(("finals", value) for value in ("x", -1)),
        ("stages", [{"name": "search", "trials": 1, "seconds": "x"}]),
    ],
)
def test_an_edited_schedule_that_can_not_be_says_what_to_do(tmp_path: Path, key: str, value: object) -> None:
    write_record(tmp_path, RECORD)
    content = json.loads((tmp_path / "tune.json").read_text())
    content["schedule"][key] = value
    (tmp_path / "tune.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"tune\.json is damaged .* delete it"):
        read_record(tmp_path)


def test_sweeps_of_the_same_trials_close_alike() -> None:
    one, same, other = (confirm_sweep("c", ["simcvd"], "simcvd", None, seeds) for seeds in (2, 2, 3))
    assert closing(one) == closing(same)
    assert closing(one) != closing(other)


@pytest.mark.parametrize("text", ["{", "[]", '{"identity": "a"}', '{"schedule": {"stages": [], "reasons": []}}'])
def test_a_damaged_record_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "tune.json").write_text(text)
    with pytest.raises(UserError, match=r"tune\.json is damaged .* delete it"):
        read_record(tmp_path)


def test_the_sweeps_of_its_stages_that_have_begun_are_named_in_order(tmp_path: Path) -> None:
    for name in ("mine-search", "mine-baseline", "mine-other", "sweep"):
        (tmp_path / "sweeps" / name).mkdir(parents=True)
        (tmp_path / "sweeps" / name / "sweep.yaml").touch()
    assert stage_sweeps(tmp_path, "mine") == []
    write_record(tmp_path / "sweeps" / "mine", RECORD)
    assert stage_sweeps(tmp_path, "mine") == ["mine-baseline", "mine-search"]
    assert stage_sweeps(tmp_path, "sweep") == []
