import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.records import CASE_SCHEMA, TRIAL_SCHEMA, read_cases, read_trials, write_cases, write_trial

Make = Callable[..., dict[str, Any]]


def test_case_columns_are_those_of_the_published_format() -> None:
    words = (
        "trial_id config_hash method seed label_split dataset split case_id class_id class_name dice jaccard hd95_vox "
        "asd_vox assd_vox hd95_mm asd_mm assd_mm predicted_voxels reference_voxels empty_prediction empty_reference "
        "nsd_1mm nsd_2mm nsd_3mm nsd_4mm nsd_5mm"
    )
    assert list(CASE_SCHEMA) == words.split()


def test_cases_come_back_as_written_sorted(tmp_path: Path, make_case: Make) -> None:
    rows = [make_case("t", case, class_id, dice=0.1 * class_id) for case in ("b", "a") for class_id in (2, 1)]
    path = write_cases(tmp_path, "t", rows)
    assert path == tmp_path / "results" / "cases" / "t.parquet"
    frame = read_cases(tmp_path)
    assert list(frame.columns) == list(CASE_SCHEMA)
    assert frame[["case_id", "class_id", "dice"]].to_numpy().tolist() == [
        ["a", 1, 0.1],
        ["a", 2, 0.2],
        ["b", 1, 0.1],
        ["b", 2, 0.2],
    ]
    assert frame["label_split"].isna().all()


def test_a_distance_of_an_empty_mask_is_refused(tmp_path: Path, make_case: Make) -> None:
    with pytest.raises(ValueError, match=r"hd95_vox .* expected missing"):
        write_cases(tmp_path, "t", [make_case("t", "a", hd95_vox=0.0, empty_prediction=True)])
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"trial_id": "u"}, "trial u"), ({"extra": 1}, "extra"), ({"dataset": None}, "dataset")],
)
def test_wrong_case_rows_are_refused(tmp_path: Path, make_case: Make, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_cases(tmp_path, "t", [make_case("t", "a") | change])


def test_a_case_twice_is_refused(tmp_path: Path, make_case: Make) -> None:
    with pytest.raises(ValueError, match="appear twice"):
        write_cases(tmp_path, "t", [make_case("t", "a"), make_case("t", "a")])


def test_reading_takes_the_asked_trials_and_columns_only(tmp_path: Path, make_case: Make) -> None:
    for name in ("t", "u", "v"):
        write_cases(tmp_path, name, [make_case(name, "a", dice=0.5)])
    frame = read_cases(tmp_path, ["v", "t", "absent"], ["trial_id", "dice"])
    assert frame.to_numpy().tolist() == [["t", 0.5], ["v", 0.5]]


def test_without_results_the_frames_are_empty(tmp_path: Path) -> None:
    assert list(read_cases(tmp_path).columns) == list(CASE_SCHEMA)
    assert list(read_trials(tmp_path).columns) == list(TRIAL_SCHEMA)
    assert len(read_cases(tmp_path)) == len(read_trials(tmp_path)) == 0


def test_writing_again_replaces_and_leaves_no_half_file(tmp_path: Path, make_trial: Make) -> None:
    write_trial(tmp_path, make_trial("t", status="failed", failure_kind="nan", failure_message="loss is NaN"))
    path = write_trial(tmp_path, make_trial("t"))
    assert read_trials(tmp_path)["status"].tolist() == ["finished"]
    assert list(path.parent.iterdir()) == [path]


def test_a_half_written_file_is_not_read(tmp_path: Path, make_trial: Make) -> None:
    path = write_trial(tmp_path, make_trial("t"))
    path.with_name("u.parquet.tmp-1-abc").write_bytes(b"PAR1")
    assert len(read_trials(tmp_path)) == 1


def test_versions_are_kept_as_json(tmp_path: Path, make_trial: Make) -> None:
    write_trial(tmp_path, make_trial("t", versions={"torch": "2.13"}))
    assert json.loads(read_trials(tmp_path)["versions"][0]) == {"torch": "2.13"}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"status": "done"}, "status"), ({"colour": 1}, "colour"), ({"method": None}, "method")],
)
def test_wrong_trial_rows_are_refused(tmp_path: Path, make_trial: Make, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_trial(tmp_path, make_trial("t") | change)


def test_settings_can_be_read_by_name(tmp_path: Path, make_trial: Make) -> None:
    write_trial(tmp_path, make_trial("a") | {"setting.steps": 3, "setting.other": 1.5})
    write_trial(tmp_path, make_trial("b") | {"setting.other": 2.5})
    frame = read_trials(tmp_path, columns=["trial_id", "setting.steps", "setting.unknown"])
    assert list(frame.columns) == ["trial_id", "setting.steps"]
    assert frame["setting.steps"].tolist()[0] == 3
    assert frame["setting.steps"].isna().tolist() == [False, True]
