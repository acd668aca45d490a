import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

from simcvd.data.preparation.left_atrium import PREPROCESSING, prepare_la
from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.store import case_digest, case_path, open_case, open_split, open_training
from simcvd.errors import UserError
from simcvd.scans.nifti import read_nifti

LA = Callable[..., Path]


def write_raw(folder: Path, scan: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> None:
    folder.mkdir(parents=True)
    for name, array in (("lgemri.nrrd", scan), ("laendo.nrrd", mask)):
        if array is not None:
            image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
            image.SetSpacing((0.625, 0.625, 1.25))
            sitk.WriteImage(image, str(folder / name), useCompression=True)


def test_public_form_is_taken_as_it_is(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder()
    info = prepare_la(source, tmp_path / "set", PrepareOptions()).info
    assert (info.preset, info.label_guided_crop, info.normalisation) == ("la", True, "as_is")
    assert info.preprocessing is not None
    assert info.preprocessing.normalisation.kind == "z_score_scan"
    assert info.splits.train_labeled == ("P0", "P1", "P2", "P3")
    assert info.spacing_mm == (0.625, 0.625, 0.625)
    case = open_case(tmp_path / "set", "P2", with_label=True)
    with h5py.File(source / "P2" / "mri_norm2.h5") as file:
        np.testing.assert_array_equal(case.image[0], file["image"][()])
        np.testing.assert_array_equal(case.label, file["label"][()])


def test_public_form_can_be_normalised_again_over_what_was_cropped(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder()
    report = prepare_la(source, tmp_path / "set", PrepareOptions(normalize="z-score"))
    assert (report.info.normalisation, report.info.preprocessing) == ("z_score", PREPROCESSING)
    plain = prepare_la(source, tmp_path / "plain", PrepareOptions()).info
    assert plain.digest != report.info.digest
    case = open_case(tmp_path / "set", "P2", with_label=True)
    with h5py.File(source / "P2" / "mri_norm2.h5") as file:
        image = file["image"][()].astype(np.float64)
        np.testing.assert_array_equal(case.label, file["label"][()])
    assert abs(image.mean()) > 0.1
    np.testing.assert_allclose(case.image[0], (image - image.mean()) / image.std(), atol=1e-5)
    again = prepare_la(source, tmp_path / "set", PrepareOptions(normalize="z-score"))
    assert (again.written, again.resumed) == (0, 4)
    with pytest.raises(UserError, match="was made with another normalize"):
        prepare_la(source, tmp_path / "set", PrepareOptions())
    with pytest.raises(UserError, match="--normalize is 'nonzero'; for the Left Atrium z-score alone"):
        prepare_la(source, tmp_path / "none", PrepareOptions(normalize="nonzero"))
    assert not (tmp_path / "none").exists()


def test_a_case_of_the_public_form_that_is_lost_is_made_again_as_it_was(la_folder: LA, tmp_path: Path) -> None:
    for name, options in (("plain", PrepareOptions()), ("again", PrepareOptions(normalize="z-score"))):
        source = tmp_path / "la" if name == "again" else la_folder()
        digests = prepare_la(source, tmp_path / name, options).info.digests
        case_path(tmp_path / name, "P1").unlink()
        assert prepare_la(source, tmp_path / name, options).written == 1
        assert case_digest(tmp_path / name, "P1") == digests["P1"]


def test_a_raw_scan_beside_the_public_form_is_normalised_before_it_is_cropped(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder(2)
    scan = np.random.default_rng(0).integers(0, 255, (160, 150, 8)).astype(np.uint8)
    scan[120:] = 3
    mask = np.zeros(scan.shape, np.uint8)
    mask[20:60, 70:80, 2:4] = 255
    write_raw(source / "R", scan, mask)
    info = prepare_la(source, tmp_path / "set", PrepareOptions(labeled=3)).info
    assert info.preprocessing is not None
    assert info.preprocessing.normalisation.kind == "z_score_scan"
    case = open_case(tmp_path / "set", "R", with_label=True)
    assert case.image.shape[1:] != scan.shape
    whole = (scan - scan.mean()) / scan.std()
    kept = tuple(slice(start, start + side) for start, side in zip(case.crop_start, case.image.shape[1:], strict=True))
    np.testing.assert_allclose(case.image[0], whole[kept], atol=1e-5)


def test_lists_give_the_order_and_the_test(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder(5)
    (tmp_path / "train.list").write_text("P3\nP1\nP9\n")
    report = prepare_la(source, tmp_path / "one", PrepareOptions(labeled=1))
    assert report.info.train_order == ("P3", "P1", "P0", "P2", "P4")
    assert report.notes == (
        "1 of the 3 cases in train.list and test.list are not there.",
        "3 cases are in neither train.list nor test.list and come after the listed ones.",
    )
    (source / "test.list").write_text("P4\nP0\n")
    splits = prepare_la(source, tmp_path / "two", PrepareOptions(labeled=1, val=1)).info.splits
    assert splits.model_dump() == {
        "train_labeled": ("P3",),
        "train_unlabeled": ("P1",),
        "val": ("P2",),
        "test": ("P4", "P0"),
    }


def test_case_without_label_is_unlabelled(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder()
    with h5py.File(source / "P1" / "mri_norm2.h5", "a") as file:
        del file["label"]
    splits = prepare_la(source, tmp_path / "set", PrepareOptions()).info.splits
    assert splits.train_unlabeled == ("P1",)


def test_raw_form_is_cropped_around_the_label_and_normalised(tmp_path: Path) -> None:
    scan = np.random.default_rng(0).integers(0, 255, (160, 150, 8)).astype(np.uint8)
    mask = np.zeros(scan.shape, np.uint8)
    mask[60:80, 5:140, 2:4] = 255
    write_raw(tmp_path / "raw" / "A", scan, mask)
    write_raw(tmp_path / "raw" / "B", 255 - scan, None)
    report = prepare_la(tmp_path / "raw", tmp_path / "set", PrepareOptions())
    view = open_training(tmp_path / "set")
    case = view.labeled[0]
    # X: 19 + 1 voxels, 15 of margin and (112 - 19) // 2 = 46 on both sides, cut at 0; Y: cut at both ends.
    kept = scan[0 : 80 + 61, 0:150].astype(np.float64)
    assert case.crop_start == (0, 0, 0)
    assert case.original_shape == (160, 150, 8)
    np.testing.assert_allclose(case.image[0], (kept - kept.mean()) / kept.std(), atol=1e-5)
    assert case.label is not None
    np.testing.assert_array_equal(case.label, mask[:141] > 0)
    assert case.spacing_mm == (0.625, 0.625, 1.25)
    assert report.info.label_guided_crop
    assert report.notes == ("1 raw scans have no label to crop around and are kept whole.",)
    assert view.unlabeled[0].image.shape == (1, 160, 150, 8)


def test_crop_box_starts_before_the_label() -> None:
    label = np.zeros((300, 300, 5), np.uint8)
    label[100:240, 150:160] = 1
    assert PREPROCESSING.crop is not None
    assert PREPROCESSING.crop.box(label) == (slice(85, 255), slice(84, 226), slice(0, 5))


def test_raw_label_without_scan_and_empty_folders_are_told(tmp_path: Path, la_folder: LA) -> None:
    with pytest.raises(UserError, match="has no case; expected folders with"):
        prepare_la(tmp_path, tmp_path / "set", PrepareOptions())
    with pytest.raises(UserError, match="There is no folder"):
        prepare_la(tmp_path / "nowhere", tmp_path / "set", PrepareOptions())
    source = la_folder(2)
    write_raw(source / "R", np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8))
    (source / "R" / "lgemri.nrrd").unlink()
    with pytest.raises(UserError, match=r"^Case R: the label .*laendo\.nrrd has no image"):
        prepare_la(source, tmp_path / "set", PrepareOptions())
    (source / "P0" / "mri_norm2.h5").write_text("x")
    report = prepare_la(source, tmp_path / "set", PrepareOptions(skip_bad=True))
    assert list(report.left_out) == ["P0", "R"]


def real_data() -> Path:
    if "SIMCVD_REAL_DATA" not in os.environ:
        pytest.skip("SIMCVD_REAL_DATA does not name a folder of real data")
    return Path(os.environ["SIMCVD_REAL_DATA"])


def test_hippocampus_volumes_equal_their_source(tmp_path: Path) -> None:
    source = real_data() / "hippocampus"
    options = PrepareOptions(labeled=12, unlabeled=20, val=4, test=6, workers=2)
    info = prepare_nifti(source, tmp_path / "set", options).info
    assert [len(ids) for _, ids in info.splits.items()] == [12, 20, 4, 6]
    for case in open_split(tmp_path / "set", "test"):
        image = read_nifti(source / "imagesTr" / f"{case.id}.nii.gz").array
        restored = case.image[0] * case.intensity_std[0] + case.intensity_mean[0]
        np.testing.assert_allclose(restored, image, rtol=1e-5, atol=float(image.max()) * 1e-6)
        assert case.label is not None
        np.testing.assert_array_equal(case.label, read_nifti(source / "labelsTr" / f"{case.id}.nii.gz").array)


def test_a_public_form_that_is_not_normalised_is_refused_before_it_is_trained_on(la_folder: LA, tmp_path: Path) -> None:
    source = la_folder()
    with h5py.File(source / "P1" / "mri_norm2.h5", "a") as file:
        file["image"][...] = file["image"][()] * 90 + 300
    with pytest.raises(UserError, match=r"Case P1: the image has mean .* is taken as it is and must be normalised"):
        prepare_la(source, tmp_path / "set", PrepareOptions())
    report = prepare_la(source, tmp_path / "set", PrepareOptions(skip_bad=True))
    assert list(report.left_out) == ["P1"]


def test_one_scan_under_two_names_is_found_though_its_labels_crop_it_in_two_ways(tmp_path: Path) -> None:
    scans = np.random.default_rng(0).integers(0, 255, (3, 160, 150, 12)).astype(np.uint8)
    for name, scan, start in (("A", scans[0], 60), ("B", scans[1], 60), ("C", scans[0], 70)):
        mask = np.zeros(scan.shape, np.uint8)
        mask[start : start + 20, 20:60, 2:4] = 255
        write_raw(tmp_path / "raw" / name, scan, mask)
    with pytest.raises(UserError, match="Case C: its image is that of case A, expected every scan once"):
        prepare_la(tmp_path / "raw", tmp_path / "set", PrepareOptions(test=1))
    report = prepare_la(tmp_path / "raw", tmp_path / "other", PrepareOptions(test=1, skip_bad=True))
    assert list(report.left_out) == ["C"]
