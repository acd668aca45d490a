from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from simcvd.data.store import open_case
from simcvd.errors import UserError
from simcvd.labels import IGNORED
from tests.simcvd.data.preparation.tiny_folder import BOX, Nifti, bad_empty, run, scan


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


def test_stored_image_is_the_source_with_mean_zero_and_variance_one(nifti: Nifti, target: Path) -> None:
    source = nifti()
    channels = np.stack([scan(1), 3 * scan(2) + 5], axis=-1)
    for number, case_id in enumerate("abcdef"):
        source.image(case_id, channels if number == 0 else np.stack([scan(9 + number), scan(20 + number)], axis=-1))
    info = run(source, target).info
    case = open_case(target, "a", with_label=True)
    for channel in range(2):
        expected = channels[..., channel]
        np.testing.assert_allclose(case.image[channel], (expected - expected.mean()) / expected.std(), atol=1e-5)
    np.testing.assert_array_equal(case.label, nibabel.load(source.path / "labelsTr" / "a.nii.gz").dataobj)
    assert case.spacing_mm == (1, 1, 2.5)
    assert (info.channels, info.classes) == (("channel_0", "channel_1"), ("class_1", "class_2"))


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


def test_result_does_not_depend_on_the_number_of_threads(nifti: Nifti, target: Path) -> None:
    source = nifti()
    seen: list[tuple[int, int]] = []
    one = run(source, target, workers=1, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]
    assert one.info.digest == run(source, target.with_name("other"), workers=4).info.digest


def test_ignored_voxels_are_stored_as_255_and_the_data_set_says_so(nifti: Nifti, tmp_path: Path) -> None:
    folder = nifti()
    folder.describe(labels={"background": 0, "thing": 1, "ignore": 2})
    assert run(folder, tmp_path / "with").info.ignored
    case = open_case(tmp_path / "with", "a", with_label=True)
    assert case.label is not None
    assert case.sdm is not None
    label = nibabel.load(folder.path / "labelsTr" / "a.nii.gz").get_fdata()
    assert np.array_equal(case.label, np.where(label == 2, IGNORED, label))
    assert case.sdm.shape[0] == 1

    for letter in "abcdef":
        folder.label(letter, BOX)
    assert not run(folder, tmp_path / "without").info.ignored
