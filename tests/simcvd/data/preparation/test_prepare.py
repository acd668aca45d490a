from pathlib import Path

import pytest

from simcvd.data.store import case_path
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_folder import Nifti, bad_empty, run, scan


def test_skipping_refills_the_asked_numbers_or_says_that_it_can_not(nifti: Nifti, target: Path) -> None:
    source = nifti()
    bad_empty(source)
    report = run(source, target, labeled=2, unlabeled=1, test=2, skip_bad=True)  # c is fine unlabelled
    assert report.left_out == {}
    other = target.with_name("other")
    report = run(source, other, labeled=3, unlabeled=0, test=2, skip_bad=True)
    assert report.info.splits.train_labeled == ("a", "b", "d")
    with pytest.raises(UserError, match="but only 5 cases have a label"):
        run(source, target.with_name("third"), labeled=3, val=1, test=2, skip_bad=True)


def test_split_file_chooses_cases(nifti: Nifti, target: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.yaml"
    split.write_text("train_labeled: [b]\ntrain_unlabeled: [a]\ntest: [f]")
    report = run(nifti(), target, split_file=split, val=None, test=None)
    assert report.info.splits.all() == ["b", "a", "f"]
    assert report.notes == ("3 cases are in no split and were not used.",)
    with pytest.raises(UserError, match="Both the split file and a count decide val"):
        run(nifti(), target.with_name("other"), split_file=split, val=1, test=None)


def test_finished_data_set_is_left_alone_or_mended(nifti: Nifti, target: Path) -> None:
    source = nifti()
    first = run(source, target, labeled=2)
    again = run(source, target, labeled=2)
    assert (again.written, again.resumed, again.info) == (0, 6, first.info)
    case_path(target, "b").unlink()
    assert run(source, target, labeled=2).written == 1
    with pytest.raises(
        UserError, match="is finished and was made with another labeled, classes; choose another folder"
    ):
        run(source, target, labeled=3, classes=("x", "y"))
    source.image("b", scan(77))
    with pytest.raises(UserError, match="has changed since the data set was made"):
        run(source, target, labeled=2)
