import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from simcvd.data.checks import crop_notice
from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.prepare import PrepareOptions, PrepareReport
from simcvd.data.store import case_path, open_case, open_info, open_training
from simcvd.errors import UserError

Nifti = Callable[..., Any]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def run(source: Any, target: Path, **options: Any) -> PrepareReport:
    return prepare_nifti(source.path, target, PrepareOptions(**{"val": 0, "test": 0, "workers": 2} | options))


def scan(number: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(number).normal(100, 20, (12, 14, 10)).astype(np.float32)


BOX = np.zeros((12, 14, 10), np.uint8)
BOX[3:6, 4:9, 2:7] = 1


def bad_nan(folder: Any) -> None:
    image = scan(9)
    image[0, 0, :3] = [np.nan, np.inf, -np.inf]
    folder.image("c", image)


def bad_constant(folder: Any) -> None:
    folder.image("c", np.full((12, 14, 10), 7, np.float32))


def bad_shape(folder: Any) -> None:
    folder.label("c", BOX[:-1])


def bad_affine(folder: Any) -> None:
    folder.label("c", BOX, np.diag([1, 1, 2, 1]))


def bad_fractions(folder: Any) -> None:
    folder.label("c", BOX.astype(np.float32) * 0.5)


def bad_nan_label(folder: Any) -> None:
    folder.label("c", np.where(BOX == 1, np.nan, 0).astype(np.float32))


def bad_class(folder: Any) -> None:
    folder.label("c", BOX * 4)


def bad_negative_class(folder: Any) -> None:
    folder.label("c", -BOX.astype(np.int16))


def bad_empty(folder: Any) -> None:
    folder.label("c", BOX * 0)


def bad_truncated(folder: Any) -> None:
    path = folder.path / "imagesTr" / "c.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])


def bad_foreign(folder: Any) -> None:
    (folder.path / "labelsTr" / "c.nii.gz").write_text("not a scan")


def bad_duplicate(folder: Any) -> None:
    nibabel.save(nibabel.Nifti1Image(scan(9), np.eye(4)), folder.path / "imagesTr" / "c.nii")


def bad_channels(folder: Any) -> None:
    folder.image("c", np.stack([scan(1), scan(2)], axis=-1))


def bad_constant_channel(folder: Any) -> None:
    folder.image("c", np.stack([scan(1), scan(2) * 0], axis=-1))


def bad_label_alone(folder: Any) -> None:
    (folder.path / "imagesTr" / "c.nii.gz").unlink()


def bad_listed_label(folder: Any) -> None:
    (folder.path / "labelsTr" / "c.nii.gz").unlink()
    entries = [{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in "abcdef"]
    folder.describe(labels={"0": "background", "1": "one", "2": "two"}, training=entries)


def bad_listed_image(folder: Any) -> None:
    bad_listed_label(folder)
    bad_label_alone(folder)


BAD = [
    (bad_nan, "3 voxels of the image are NaN or infinite, expected finite numbers"),
    (bad_constant, "the image is constant, expected a scan with contrast"),
    (bad_shape, "the label has shape 11 x 14 x 10, expected the image's 12 x 14 x 10"),
    (bad_affine, "the affines of image and label differ by up to 5 mm, expected the same grid"),
    (bad_fractions, r"the label holds 0\.5, which is no integer, expected class ids"),
    (bad_nan_label, "the label holds nan, which is no integer, expected class ids"),
    (bad_class, r"the label holds 4, expected 0 \(background\) to 2 \(the last class\)"),
    (bad_negative_class, r"the label holds -1, expected 0 \(background\) to 2"),
    (bad_empty, "its label is empty, expected foreground in a case that is used with its label"),
    (bad_truncated, r"c\.nii\.gz is truncated or not a NIfTI image"),
    (bad_foreign, r"c\.nii\.gz is truncated or not a NIfTI image"),
    (bad_duplicate, "two images have this id"),
    (bad_channels, "the image has 2 channels, expected 1"),
    (bad_constant_channel, "channel 1 of the image is constant"),
    (bad_label_alone, r"the label .*labelsTr/c\.nii\.gz has no image of the same name"),
    (bad_listed_label, r"dataset\.json names the label ./labelsTr/c\.nii\.gz, which is missing"),
    (bad_listed_image, r"dataset\.json names the image ./imagesTr/c\.nii\.gz, which is missing"),
]


@pytest.mark.parametrize(("spoil", "told"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_bad_case_is_told_in_one_sentence_and_can_be_skipped(spoil, told: str, nifti: Nifti, target: Path) -> None:  # type: ignore[no-untyped-def]
    source = nifti()
    spoil(source)
    with pytest.raises(UserError, match=f"^Case c: .*{told}.*; repair it, or leave bad cases out with --skip-bad.$"):
        run(source, target, classes=("one", "two"))
    assert not (target / "dataset.json").exists()
    report = run(source, target, classes=("one", "two"), skip_bad=True)
    assert list(report.left_out) == ["c"]
    assert report.info.splits.train_labeled == tuple("abdef")
    assert sorted(path.stem for path in (target / "cases").iterdir()) == list("abdef")
    assert run(source, target, classes=("one", "two"), skip_bad=True).left_out == report.left_out


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


def test_stored_image_is_the_source_with_mean_zero_and_variance_one(nifti: Nifti, target: Path) -> None:
    source = nifti()
    channels = np.stack([scan(1), 3 * scan(2) + 5], axis=-1)
    for case_id in "abcdef":
        source.image(case_id, channels)
    info = run(source, target).info
    case = open_case(target, "a", with_label=True)
    for channel in range(2):
        expected = channels[..., channel]
        np.testing.assert_allclose(case.image[channel], (expected - expected.mean()) / expected.std(), atol=1e-5)
    np.testing.assert_array_equal(case.label, nibabel.load(source.path / "labelsTr" / "a.nii.gz").dataobj)
    assert case.spacing_mm == (1, 1, 2.5)
    assert (info.channels, info.classes) == (("channel_0", "channel_1"), ("class_1", "class_2"))


def test_layout_names_and_order_come_from_dataset_json(nifti: Nifti, target: Path) -> None:
    source = nifti(5, unlabeled=1)
    source.image("w", scan(50), folder="imagesUn")
    source.image("x", scan(51), folder="imagesTs")
    source.describe(
        modality={"0": "T1"},
        labels={"background": 0, "tail": 2, "head": 1},
        training=[{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in "edcba"],
    )
    report = run(source, target, labeled=2, val=1, test=1)
    info = report.info
    assert (info.channels, info.classes) == (("T1",), ("head", "tail"))
    assert info.splits.model_dump() == {
        "train_labeled": ("e", "d"),
        "train_unlabeled": ("c", "u0", "w"),
        "val": ("b",),
        "test": ("a",),
    }
    assert report.notes == ("1 images in imagesTs/ have no labels and were not read.",)


def test_plain_layout_and_default_split(nifti: Nifti, target: Path) -> None:
    source = nifti(10, images="images", labels="labels")
    (source.path / "images" / "._a.nii.gz").write_text("left over by another system")
    splits = run(source, target, val=None, test=None).info.splits
    assert [len(ids) for _, ids in splits.items()] == [7, 0, 1, 2]
    assert splits.test == ("i", "j")


def test_classes_are_found_in_labelled_training_cases_alone(nifti: Nifti, target: Path) -> None:
    source = nifti()
    source.label("f", BOX * 3)
    with pytest.raises(UserError, match=r"^Case f: the label holds 3, expected 0 \(background\) to 2"):
        run(source, target, labeled=2, test=1)
    source.label("a", BOX * 3)
    source.label("b", BOX)
    with pytest.raises(UserError, match=r"hold the classes 1, 3, expected 1, 2, \.\.\. without gaps"):
        run(source, target, labeled=2, test=1)
    assert run(source, target, labeled=2, test=1, classes=("a", "b", "c")).info.classes == ("a", "b", "c")


def test_label_of_an_unlabelled_case_changes_nothing_but_its_digest(nifti: Nifti, target: Path) -> None:
    source = nifti()
    one = run(source, target, labeled=2).info.model_dump(exclude={"name"})
    source.label("e", BOX)
    other = run(source, target.with_name("other"), labeled=2).info.model_dump(exclude={"name"})
    changed = {i for i, digest in one.pop("digests").items() if other["digests"][i] != digest}
    other.pop("digests")
    assert changed == {"e"}
    assert one == other


def test_split_file_chooses_cases(nifti: Nifti, target: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.yaml"
    split.write_text("train_labeled: [b]\ntrain_unlabeled: [a]\ntest: [f]")
    report = run(nifti(), target, split_file=split, val=None, test=None)
    assert report.info.splits.all() == ["b", "a", "f"]
    assert report.notes == ("3 cases are in no split and were not used.",)
    with pytest.raises(UserError, match="Both the split file and a count decide val"):
        run(nifti(), target.with_name("other"), split_file=split, val=1, test=None)


def test_missing_layout_and_wrong_dataset_json_are_told(nifti: Nifti, target: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has neither imagesTr/ nor images/"):
        prepare_nifti(tmp_path, target, PrepareOptions())
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=r"has no \.nii or \.nii\.gz file"):
        prepare_nifti(tmp_path, target, PrepareOptions())
    source = nifti()
    (source.path / "dataset.json").write_text("{")
    with pytest.raises(UserError, match="is not valid JSON"):
        run(source, target)
    source.describe(labels={"0": "background", "1": "a", "3": "b"})
    with pytest.raises(UserError, match=r"numbers 'labels' as \[0, 1, 3\]; expected 1, 2"):
        run(source, target)
    source.describe(labels={"background": 0, "both": [1, 2]})
    with pytest.raises(UserError, match="expected one name for each number"):
        run(source, target)
    source.describe()
    with pytest.raises(UserError, match="class names are 'a, a'; expected different names"):
        run(source, target, classes=("a", "a"))


def test_interrupted_preparation_resumes_to_the_same_data_set(nifti: Nifti, target: Path) -> None:
    source = nifti()

    def interrupt(done: int, total: int, case_id: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, target, workers=1, progress=interrupt)
    with pytest.raises(UserError, match="is not finished; run the same `simcvd prepare` again"):
        open_info(target)
    (target / "cases" / "a.h5.tmp-123").write_text("torn")
    with (target / ".prepare" / "journal.jsonl").open("a") as journal:
        journal.write('\n{"id": "d", "sta')
    report = run(source, target)
    assert (report.written, report.resumed) == (3, 3)
    assert not list(target.rglob("*.tmp-*"))
    whole = run(source, target.with_name("whole"))
    assert report.info.digest == whole.info.digest


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


def test_changed_source_of_an_unfinished_case_is_read_anew(nifti: Nifti, target: Path) -> None:
    source = nifti()
    bad_empty(source)
    with pytest.raises(UserError):
        run(source, target)
    source.label("c", BOX)
    source.image("a", scan(55))
    report = run(source, target)
    assert (report.written, report.resumed) == (2, 4)
    assert report.info.digest == run(source, target.with_name("whole")).info.digest


def test_two_preparations_of_one_folder_do_not_meet(nifti: Nifti, target: Path) -> None:
    source = nifti()
    inside, leave = threading.Event(), threading.Event()

    def hold(done: int, total: int, case_id: str) -> None:
        inside.set()
        assert leave.wait(20)

    reports: list[PrepareReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(source, target, progress=hold)))
    thread.start()
    assert inside.wait(20)
    try:
        with pytest.raises(UserError, match="Another `simcvd prepare` is at work in"):
            run(source, target)
    finally:
        leave.set()
        thread.join()
    assert reports[0].info == open_info(target)


def test_refused_preparation_leaves_no_folder(nifti: Nifti, target: Path) -> None:
    with pytest.raises(UserError, match="cases have a label"):
        run(nifti(), target, labeled=50, val=1, test=1)
    assert not target.exists()


def test_folder_with_other_files_is_refused(nifti: Nifti, target: Path) -> None:
    target.mkdir()
    (target / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="holds other files; expected a new or empty folder"):
        run(nifti(), target)
    with pytest.raises(UserError, match="is a file; expected a folder"):
        run(nifti(), target / "thesis.tex")


def test_result_does_not_depend_on_the_number_of_threads(nifti: Nifti, target: Path) -> None:
    source = nifti()
    seen: list[tuple[int, int]] = []
    one = run(source, target, workers=1, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]
    assert one.info.digest == run(source, target.with_name("other"), workers=4).info.digest


def test_crop_beyond_every_case_is_told(nifti: Nifti, target: Path) -> None:
    run(nifti(), target)
    view = open_training(target)
    assert crop_notice(view, (12, 14, 10)) is None
    told = crop_notice(view, (16, 14, 16))
    assert told is not None
    assert "exceeds every training case along X and Z (the largest sides are 12 x 14 x 10)" in told
