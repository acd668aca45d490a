"""The average mask of a sweep's labelled cases, measured once."""

from pathlib import Path

import pytest

from analysis.runs.average_mask import read_average_mask
from simcvd.data import average_mask
from simcvd.data.average_mask import average_mask_dice
from simcvd.data.phantom import write_phantom
from sweeps.average_mask import keep_average_mask
from sweeps.definition.changes import Changes
from sweeps.definition.expand import Variant, expand
from sweeps.definition.sweep_file import SweepFile


def variants(digest: str, **settings: object) -> list[Variant]:
    sweep = SweepFile.model_validate(
        {"name": "toy", "axes": {"training.steps": [2, 3]}, "reference": {"training.steps": 3}}
    )
    return expand(sweep, digest, Changes(overrides=settings, preset="phantom"))


def test_the_labelled_cases_of_the_reference_are_averaged_and_test_cases_scored(tmp_path: Path) -> None:
    info = write_phantom(tmp_path / "data", labeled=3, unlabeled=1, val=1, test=2, shape=(16, 16, 16))
    for more, count in (({}, 3), ({"data.labeled": 2}, 2)):
        keep_average_mask(tmp_path, "toy", tmp_path / "data", variants(info.digest, **more))
        found = read_average_mask(tmp_path, "toy")
        assert found is not None
        assert (found.dataset_digest, len(found.labeled)) == (info.digest, count)
        assert found.dice == average_mask_dice(tmp_path / "data", found.labeled, info.splits.test, len(info.classes))


def test_it_is_measured_once_and_not_where_the_cases_are_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = write_phantom(tmp_path / "data", labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    own = variants(info.digest)
    keep_average_mask(tmp_path, "toy", tmp_path / "data", own)
    monkeypatch.setattr(average_mask, "average_mask_dice", lambda *given: pytest.fail("measured again"))
    keep_average_mask(tmp_path, "toy", tmp_path / "data", own)
    keep_average_mask(tmp_path, "other", tmp_path / "nowhere", own)
    assert read_average_mask(tmp_path, "other") is None


def test_without_test_scores_val_cases_are_scored_and_no_test_label_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = write_phantom(tmp_path / "data", labeled=3, unlabeled=1, val=1, test=2, shape=(16, 16, 16))
    own, read, whole = variants(info.digest), list[str](), average_mask.open_labeled

    def noted(folder: Path, case_id: str) -> object:
        read.append(case_id)
        return whole(folder, case_id)

    monkeypatch.setattr(average_mask, "open_labeled", noted)
    keep_average_mask(tmp_path, "toy", tmp_path / "data", own, with_test=False)
    found = read_average_mask(tmp_path, "toy")
    assert found is not None
    assert found.dice.keys() == set(info.splits.val)
    assert set(read) == {*found.labeled, *info.splits.val}
    keep_average_mask(tmp_path, "toy", tmp_path / "data", own)
    found = read_average_mask(tmp_path, "toy")
    assert found is not None
    assert found.dice.keys() == set(info.splits.test), "of other cases than before"


def test_too_little_memory_costs_no_more_than_the_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = write_phantom(tmp_path / "data", labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))

    def full(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(average_mask, "average_mask_dice", full)
    keep_average_mask(tmp_path, "toy", tmp_path / "data", variants(info.digest))
    assert read_average_mask(tmp_path, "toy") is None
