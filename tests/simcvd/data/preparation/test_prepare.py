import shutil
from pathlib import Path

import numpy as np
import pytest

from simcvd.data.preparation.nifti import scan_folder
from simcvd.data.store import case_path
from simcvd.errors import UserError
from simcvd.scans import preprocessing
from simcvd.scans.volume import Volume
from tests.simcvd.data.preparation.tiny_folder import BOX, Nifti, bad_empty, run, scan


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


def test_an_id_that_is_no_file_s_name_is_a_bad_case(nifti: Nifti, target: Path) -> None:
    source = nifti()
    source.image("ab\ncd", scan(50))
    source.label("ab\ncd", BOX)
    with pytest.raises(
        UserError, match=r"Case 'ab\\ncd': its id holds '\\n', which can't be shown; expected letters; rep"
    ):
        run(source, target)
    report = run(source, target, skip_bad=True)
    assert list(report.left_out) == ["ab\ncd"]
    assert len(report.info.digests) == 6


def test_images_of_one_name_in_the_folder_above_do_not_make_the_id_dot_dot(nifti: Nifti, target: Path) -> None:
    source = nifti()
    (source.path / "x").mkdir()
    for place in (source.path.parent, source.path / "x"):
        shutil.copy(source.path / "imagesTr" / "a.nii.gz", place / "image.nii.gz")
    (source.path / "dataset.json").write_text('{"training": ["../image.nii.gz", "x/image.nii.gz"]}')
    with pytest.raises(UserError, match=r"Case \.\.: its id begins with a dot, expected another first letter"):
        run(source, target)


@pytest.mark.parametrize("raised", [MemoryError(), MemoryError("Unable to allocate 2 TiB")])
@pytest.mark.parametrize("spacing", ["keep", None])
def test_a_scan_beyond_memory_is_a_bad_case_wherever_memory_ends(
    raised: MemoryError, spacing: str | None, nifti: Nifti, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the survey of all scans, in the search for classes, or while the case is made."""
    source = nifti()
    read = scan_folder.read_channels

    def greedy(files: tuple[Path, ...]) -> Volume:
        if files[0].name == "b.nii.gz":
            raise raised
        return read(files)

    monkeypatch.setattr(scan_folder, "read_channels", greedy)
    with pytest.raises(UserError, match=r"Case b: it needs more memory than there is \(.+\); repair it, or leave bad"):
        run(source, target, spacing=spacing)
    report = run(source, target, spacing=spacing, skip_bad=True)
    assert list(report.left_out) == ["b"]
    assert "b" not in report.info.digests


def test_a_small_file_whose_header_asks_for_much_is_a_bad_case(
    nifti: Nifti, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thin voxels along one axis: a spline's weights grow with the square of the side."""
    source = nifti()
    shape = (30_000, 2, 2)
    source.image("b", np.random.default_rng(0).normal(size=shape).astype(np.float32))
    source.label("b", np.ones(shape, np.uint8))
    monkeypatch.setattr(preprocessing, "available_bytes", lambda: 2**30)
    told = r"Case b: at 1 x 1 x 2\.5 mm the scan would have .* voxels and take .* GB of memory, expected fewer; choose"
    options = {"spacing": "0.9,1,2.5", "normalize": "z-score"}
    with pytest.raises(UserError, match=told.replace("1 x 1", "0.9 x 1")):
        run(source, target, **options)
    assert list(run(source, target, skip_bad=True, **options).left_out) == ["b"]
