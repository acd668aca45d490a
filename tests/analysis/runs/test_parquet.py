"""Through the records, which are the files of this format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.runs.records import read_cases, read_trials, write_cases, write_trial

Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_missing_numbers_are_null_in_the_file(tmp_path: Path, make_case: Make, missing: object) -> None:
    path = write_cases(tmp_path, "t", [make_case("t", "a", dice=0.5, hd95_mm=missing)])
    column = pq.read_table(path)["hd95_mm"]
    assert column.null_count == 1
    assert np.isnan(read_cases(tmp_path)["hd95_mm"][0])


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, make_trial: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_trial(tmp_path, make_trial("t", status="interrupted"))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_trial(tmp_path, make_trial("t"))
    assert read_trials(tmp_path)["status"].tolist() == ["interrupted"]
    assert list(path.parent.iterdir()) == [path]


def test_settings_that_differ_between_files_are_unified(tmp_path: Path, make_trial: Make) -> None:
    given: dict[str, dict[str, Any]] = {
        "a": {"setting.ema.decay": "auto", "setting.data.labeled": None, "setting.data.crop_vox": [32, 48, 32]},
        "b": {"setting.ema.decay": 0.99, "setting.data.labeled": 8, "setting.data.crop_vox": [16, 16, 16]},
        "c": {"setting.loss.sdm": 1, "setting.augment.flip": True},
        "d": {"setting.loss.sdm": 0.5},
    }
    for name, settings in given.items():
        write_trial(tmp_path, make_trial(name, **settings))
    frame = read_trials(tmp_path).set_index("trial_id")
    assert frame["setting.ema.decay"].dropna().tolist() == ["auto", "0.99"]
    assert str(frame["setting.data.labeled"].dtype) == "Int64"
    assert frame.loc["b", "setting.data.labeled"] == 8
    assert frame.loc["a", "setting.data.crop_vox"].tolist() == [32, 48, 32]
    assert frame["setting.loss.sdm"].dropna().tolist() == [1.0, 0.5]
    assert frame.loc["c", "setting.augment.flip"] is True
    assert frame["setting.loss.sdm"].isna().tolist() == [True, True, False, False]


def test_a_list_beside_a_word_is_read_as_json(tmp_path: Path, make_trial: Make) -> None:
    write_trial(tmp_path, make_trial("a", **{"setting.x": [1, 2]}))
    write_trial(tmp_path, make_trial("b", **{"setting.x": "auto"}))
    assert read_trials(tmp_path)["setting.x"].tolist() == ["[1, 2]", "auto"]


@pytest.mark.parametrize("content", [b"", b"PAR1 cut off", None])
def test_a_damaged_file_is_named(tmp_path: Path, make_trial: Make, content: bytes | None) -> None:
    write_trial(tmp_path, make_trial("a"))
    path = write_trial(tmp_path, make_trial("b"))
    # None: the footer is sound and the data are not.
    path.write_bytes(content if content is not None else b"PAR1" + b"\xff" * 700 + path.read_bytes()[704:])
    with pytest.raises(AnalysisError, match=r"b\.parquet can't be read"):
        read_trials(tmp_path)


def test_a_file_of_a_newer_format_is_refused(tmp_path: Path, make_trial: Make) -> None:
    path = write_trial(tmp_path, make_trial("t"))
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"simcvd.format_version": b"2"}), path)
    with pytest.raises(AnalysisError, match=r"t\.parquet has record format 2"):
        read_trials(tmp_path)


def test_a_foreign_file_is_refused(tmp_path: Path, make_case: Make) -> None:
    path = write_cases(tmp_path, "t", [make_case("t", "a")])
    pq.write_table(pa.table({"x": [1]}), path.with_name("foreign.parquet"))
    with pytest.raises(AnalysisError, match=r"foreign\.parquet is no record"):
        read_cases(tmp_path)


def test_a_file_without_a_column_reads_as_missing_there(tmp_path: Path, make_case: Make) -> None:
    write_cases(tmp_path, "t", [make_case("t", "a", assd_mm=1.0)])
    path = write_cases(tmp_path, "u", [make_case("u", "a", assd_mm=1.0)])
    pq.write_table(pq.read_table(path).drop_columns(["assd_mm"]), path)
    assert read_cases(tmp_path)["assd_mm"].isna().tolist() == [False, True]
