"""Scans of any orientation and voxel size become one data set."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport
from simcvd.data.store import open_case, open_info
from simcvd.errors import UserError

Array = np.ndarray[Any, Any]
SHAPE = (24, 20, 10)
SPACING = (1.0, 1.2, 3.5)


def made(number: int) -> tuple[Array, Array]:
    """Return an image and a label whose organ is bright, on the left and at the front."""
    place = np.indices(SHAPE) * np.array(SPACING)[:, None, None, None]
    centre = np.array([7 + number, 8, 15])[:, None, None, None]
    label = (((place - centre) / np.array([5, 6, 9])[:, None, None, None]) ** 2).sum(0) < 1
    image = 100 * label + np.random.default_rng(number).normal(200, 20, SHAPE)
    return image.astype(np.int16), label.astype(np.uint8)


def save(folder: Path, name: str, array: Array, affine: Array, codes: str = "RAS") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    library: Any = nib.orientations
    moves = library.ornt_transform(library.io_orientation(affine), library.axcodes2ornt(tuple(codes)))
    nib.save(nib.Nifti1Image(array, affine).as_reoriented(moves), folder / f"{name}.nii.gz")


def source(path: Path, codes: str = "RAS", cases: int = 5) -> Path:
    affine = np.diag([*SPACING, 1])
    affine[:3, 3] = (-11, -9, 40)
    for number in range(cases):
        image, label = made(number)
        save(path / "images", f"c{number}", image, affine, codes)
        save(path / "labels", f"c{number}", label, affine, codes)
    return path


def run(folder: Path, target: Path, **options: Any) -> PrepareReport:
    return prepare_nifti(folder, target, PrepareOptions(**{"val": 1, "test": 1, "workers": 1} | options))


def test_copies_in_another_orientation_give_the_same_data_set(tmp_path: Path) -> None:
    first = run(source(tmp_path / "ras"), tmp_path / "one").info
    mixed = source(tmp_path / "mixed", "LPS")
    for number, codes in ((1, "PIR"), (3, "SAL")):
        affine = np.diag([*SPACING, 1])
        affine[:3, 3] = (-11, -9, 40)
        for folder, array in zip(("images", "labels"), made(number), strict=True):
            save(mixed / folder, f"c{number}", array, affine, codes)
    second = run(mixed, tmp_path / "two").info
    for case_id in first.digests:
        one, two = (open_case(tmp_path / name, case_id, with_label=True) for name in ("one", "two"))
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.label, two.label)
        np.testing.assert_allclose(one.affine, two.affine, atol=1e-5)  # headers store single precision
    assert {facts.orientation for facts in first.scans.values()} == {"RAS"}
    assert [second.scans[f"c{i}"].orientation for i in range(5)] == ["LPS", "PIR", "LPS", "SAL", "LPS"]
    assert second.scans["c1"].spacing_mm == pytest.approx((1.2, 3.5, 1.0))


def test_intensities_are_summed_in_the_files_order_as_by_version_0_1_so_that_its_digests_hold(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    run(folder, tmp_path / "set")
    for number in range(5):
        raw = np.asanyarray(nib.load(folder / "images" / f"c{number}.nii.gz").dataobj)
        case = open_case(tmp_path / "set", f"c{number}", with_label=False)
        mean, std = float(raw.mean(dtype=np.float64)), float(raw.std(dtype=np.float64))
        assert (case.intensity_mean, case.intensity_std) == ((mean,), (std,))
        np.testing.assert_array_equal(case.image[0], ((raw - mean) / std).astype(np.float32))


def test_voxel_sizes_that_differ_become_their_median_and_scores_stay_on_each_scan(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw", cases=6)
    image, label = made(2)
    fine = np.diag([0.5, 0.6, 3.5, 1])
    save(folder / "images", "c2", image.repeat(2, 0).repeat(2, 1), fine)
    save(folder / "labels", "c2", label.repeat(2, 0).repeat(2, 1), fine)
    report = run(folder, tmp_path / "set")
    assert report.info.preprocessing is not None
    assert report.info.preprocessing.spacing_mm == SPACING
    assert "the median; the training scans' go from 0.5 x 0.6 x 3.5 mm to 1 x 1.2 x 3.5 mm" in report.reasons[1]
    case = open_case(tmp_path / "set", "c2", with_label=True)
    assert case.image.shape == (1, *SHAPE)
    assert case.spacing_mm == SPACING
    assert case.on_scan is not None
    assert case.on_scan.label is not None
    np.testing.assert_array_equal(case.on_scan.label, label.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(case.label, label)
    assert open_case(tmp_path / "set", "c1", with_label=True).on_scan is None


def test_a_voxel_size_can_be_asked_for_or_each_scans_own_kept(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    asked = run(folder, tmp_path / "asked", spacing="2,2,2").info
    assert asked.shapes["c0"] == (12, 12, 18)
    kept = run(folder, tmp_path / "kept", spacing="keep").info
    assert kept.shapes["c0"] == SHAPE
    assert kept.preprocessing is not None
    assert kept.preprocessing.spacing_mm is None
    with pytest.raises(UserError, match="is finished and was made with another spacing"):
        run(folder, tmp_path / "asked", spacing="2,2,3")
    for wrong in ("1,1", "0,1,1", "fine", "1,1,nan"):
        with pytest.raises(UserError, match="expected three voxel sizes in mm"):
            run(folder, tmp_path / "wrong", spacing=wrong)
    assert not (tmp_path / "wrong").exists()


def test_a_class_that_the_voxel_size_loses_is_told(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    affine = nib.load(folder / "labels" / "c0.nii.gz").affine
    for number in range(5):
        label = made(number)[1]
        label[2:22, 2, 8] = 2  # a line of single voxels
        save(folder / "labels", f"c{number}", label, affine)
    told = run(folder, tmp_path / "coarse", spacing="3,3,3.5", classes=("organ", "vessel"))
    assert told.notes == (
        "Class vessel is too thin for the voxel size: 3 labelled training cases lose all of it; choose a finer "
        "--spacing.",
    )
    assert run(folder, tmp_path / "kept", spacing="keep", classes=("organ", "vessel")).notes == ()
    for number in range(5):
        line = np.zeros(SHAPE, np.uint8)
        line[2:22, 2, 8] = 1
        save(folder / "labels", f"c{number}", line, affine)
    with pytest.raises(UserError, match="its label is empty at the voxel size of the data set"):
        run(folder, tmp_path / "line", spacing="3,3,3.5")


def test_a_data_set_follows_another(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    first = run(folder, tmp_path / "first", spacing="2,2,2", normalize="window:150,350").info
    second = run(source(tmp_path / "others", "LPS", cases=4), tmp_path / "second", like=tmp_path / "first").info
    assert second.preprocessing == first.preprocessing
    with pytest.raises(UserError, match="--like takes all preprocessing"):
        run(folder, tmp_path / "third", like=tmp_path / "first", spacing="1,1,1")


def test_the_same_scan_under_two_names_is_found_also_turned(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    affine = np.diag([*SPACING, 1])
    for part, array in zip(("images", "labels"), made(0), strict=True):
        save(folder / part, "c4", array, affine, "LPS")
    with pytest.raises(UserError, match="Case c4: its image is that of case c0, expected every scan once"):
        run(folder, tmp_path / "set")
    report = run(folder, tmp_path / "other", skip_bad=True)
    assert report.left_out == {"c4": "its image is that of case c0, expected every scan once"}
    assert "c4" not in open_info(tmp_path / "other").digests


def test_an_unfinished_preparation_goes_on_and_makes_the_same(tmp_path: Path) -> None:
    folder = source(tmp_path / "raw")
    whole = run(folder, tmp_path / "whole", spacing="2,2,2").info
    run(folder, tmp_path / "cut", spacing="2,2,2")
    (tmp_path / "cut" / "dataset.json").unlink()
    (tmp_path / "cut" / "cases" / "c1.h5").unlink()
    again = run(folder, tmp_path / "cut", spacing="2,2,2")
    assert (again.written, again.resumed) == (1, 4)
    assert again.info.digests == whole.digests
