import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses
import torch
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.errors import UserError
from simcvd.inference.mask_options import MaskOptions
from simcvd.inference.predict import predict_files
from simcvd.inference.sliding_window import segment
from simcvd.networks.base import Segmenter
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Kind, Normalisation
from simcvd.scans.preprocessing import Preprocessing
from simcvd.transforms.largest_piece import keep_largest
from tests.simcvd.scans.dicom.tiny_series import affine, slices, stored, write

MakeTrial = Callable[..., tuple[Path, Segmenter]]
CPU = torch.device("cpu")
OBLIQUE = np.array([[-0.7, 0.1, 0.0, 31.0], [0.1, 0.8, 0.2, -12.0], [0.0, -0.2, 2.5, 7.5], [0, 0, 0, 1]])


def scan(*shape: int) -> NDArray[np.int16]:
    return np.random.default_rng(0).normal(300, 90, shape).astype(np.int16)


def save_nifti(path: Path, array: NDArray[Any], affine: NDArray[np.float64] = OBLIQUE) -> Path:
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=4)
    image.set_qform(affine, code=2)
    nib.save(image, path)
    return path


def masks_of(*given: Any, **options: Any) -> list[Path]:
    found = predict_files(*given, **options)
    assert [predicted.problem for predicted in found] == [None] * len(found)
    return [predicted.image.mask for predicted in found]


def expected_mask(network: Segmenter, channels: NDArray[Any]) -> NDArray[np.uint8]:
    image = channels.astype(np.float64)
    image = (image - image.mean((1, 2, 3), keepdims=True)) / image.std((1, 2, 3), keepdims=True)
    return mask_of(network, image.astype(np.float32))


def mask_of(network: Segmenter, normalised: NDArray[np.float32]) -> NDArray[np.uint8]:
    return segment(network, normalised, (16, 16, 16), (8, 8, 16), device=CPU)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_mask_lies_over_its_image(ending: str, make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial()
    array = scan(21, 17, 13)
    source = save_nifti(tmp_path / f"case{ending}", array)
    (written,) = masks_of(folder, [source], tmp_path / "out" / "masks", CPU)
    assert written == tmp_path / "out" / "masks" / f"case{ending}"
    image, mask = nib.load(source), nib.load(written)
    assert mask.shape == image.shape
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(mask.affine, image.affine)
    np.testing.assert_array_equal(mask.get_qform(), image.get_qform())
    for field in ("pixdim", "xyzt_units", "qform_code", "sform_code"):
        np.testing.assert_array_equal(mask.header[field], image.header[field])
    found = np.asarray(mask.dataobj)
    assert len(np.unique(found)) > 1
    assert (found == expected_mask(network, array[np.newaxis])).mean() > 0.999
    assert sorted(path.name for path in written.parent.iterdir()) == [".predicted.jsonl", written.name]


def test_a_nifti_images_fourth_axis_holds_channels(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial(2)
    array = scan(16, 18, 16, 2)
    source = save_nifti(tmp_path / "case.nii.gz", array)
    (written,) = masks_of(folder, [source], tmp_path / "out", CPU)
    mask = nib.load(written)
    assert mask.shape == (16, 18, 16)
    np.testing.assert_array_equal(mask.affine, nib.load(source).affine)
    assert (np.asarray(mask.dataobj) == expected_mask(network, np.moveaxis(array, -1, 0))).mean() > 0.999


def test_nrrd_mask_keeps_origin_direction_and_spacing(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial()
    array = scan(20, 17, 16)
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing((0.625, 0.7, 2.0))
    image.SetOrigin((-10.0, 4.0, 99.0))
    image.SetDirection((0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    source = tmp_path / "lgemri.nrrd"
    sitk.WriteImage(image, str(source))
    (written,) = masks_of(folder, [source], tmp_path / "out", CPU)
    mask = sitk.ReadImage(str(written))
    assert mask.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    assert mask.GetSize() == image.GetSize()
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mask, name)() == getattr(image, name)()
    found = sitk.GetArrayFromImage(mask).transpose(2, 1, 0)
    assert (found == expected_mask(network, array[np.newaxis])).mean() > 0.999


def test_hdf5_images_are_taken_as_they_are(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial()
    array = np.random.default_rng(1).normal(0.5, 0.8, (17, 16, 20)).astype(np.float32)
    source = tmp_path / "mri_norm2.h5"
    with h5py.File(source, "w") as file:
        file["image"] = array
        file.attrs["spacing_mm"] = (0.625, 0.625, 0.625)
    (written,) = masks_of(folder, [source], tmp_path / "out", CPU)
    with h5py.File(written) as file:
        found = file["label"][()]
        assert tuple(file.attrs["spacing_mm"]) == (0.625, 0.625, 0.625)
    assert found.dtype == np.uint8
    assert (found == mask_of(network, array[np.newaxis])).mean() > 0.999


def test_images_of_one_name_get_their_folders_name(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    sources = []
    for case in ("a", "b"):
        (tmp_path / case).mkdir()
        sources.append(save_nifti(tmp_path / case / "image.nii", scan(16, 16, 16)))
    told: list[tuple[Path, int]] = []
    written = masks_of(
        folder, sources, tmp_path / "out", CPU, on_image=lambda done, images: told.append((done.image.mask, images))
    )
    assert [path.name for path in written] == ["a_image.nii", "b_image.nii"]
    assert told == [(path, 2) for path in written]
    with pytest.raises(UserError, match="Several images would become"):
        predict_files(folder, [sources[0], sources[0]], tmp_path / "out", CPU)


def test_an_image_is_never_replaced_by_its_mask(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    source = save_nifti(tmp_path / "case.nii", scan(16, 16, 16))
    with pytest.raises(UserError, match="would replace an image"):
        predict_files(folder, [source], tmp_path, CPU)


def test_wrong_images_are_told_apart(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    holes = scan(16, 16, 16).astype(np.float32)
    holes[3, 3, 3] = np.nan
    cut_off = tmp_path / "cut_off.nii.gz"
    whole = gzip.compress(save_nifti(tmp_path / "whole.nii", scan(16, 16, 16)).read_bytes())
    cut_off.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nrrd").write_text("no image")
    (tmp_path / "photo.png").write_text("no volume")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["image"] = scan(16, 16, 16)
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["label"] = scan(4, 4, 4)
    wrong = {
        save_nifti(tmp_path / "two.nii", scan(16, 16, 16, 2)): "has 2 channels, but the network was trained on 1",
        save_nifti(tmp_path / "flat.nii", np.full((16, 16, 16), 7, np.int16)): "constant",
        save_nifti(tmp_path / "nan.nii", holes): "NaN",
        cut_off: "truncated",
        tmp_path / "text.nrrd": "text.nrrd",
        tmp_path / "photo.png": "no format that can be read as a scan",
        tmp_path / "missing.nii": "There is no image",
        tmp_path / "raw.h5": "normalise it",
        tmp_path / "empty.h5": "no data set 'image'",
    }
    for path, sentence in wrong.items():
        with pytest.raises(UserError, match=sentence) as caught:
            predict_files(folder, [path], tmp_path / "out", CPU)
        assert path.name in str(caught.value)
    assert not any((tmp_path / "out").iterdir())


def test_a_raw_scan_is_refused_where_the_training_scans_came_normalised(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial(1, Preprocessing(orientation="RAS", normalisation=Normalisation(kind="as_is")))
    raw = save_nifti(tmp_path / "raw.nii", scan(16, 16, 16))
    normalised = save_nifti(tmp_path / "normalised.nii", ((scan(16, 16, 16) - 300) / 90).astype(np.float32))
    with pytest.raises(UserError, match=r"raw\.nii can't be segmented: .* must be normalised\.$"):
        predict_files(folder, [raw], tmp_path / "out", CPU)
    assert len(masks_of(folder, [normalised], tmp_path / "out", CPU)) == 1


def test_a_folder_that_can_not_be_written_to_is_told(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    source = save_nifti(tmp_path / "case.nii", scan(16, 16, 16))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="can't be written"):
        predict_files(folder, [source], tmp_path / "file" / "out", CPU)


RAS_1MM = Preprocessing(orientation="RAS", spacing_mm=(1.0, 1.0, 1.0))


def turned_copy(
    array: NDArray[Any], affine: NDArray[np.float64], codes: str
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    library: Any = nib.orientations
    moves = library.ornt_transform(library.io_orientation(affine), library.axcodes2ornt(tuple(codes)))
    copy = nib.Nifti1Image(array, affine).as_reoriented(moves)
    return np.asarray(copy.dataobj), copy.affine


@pytest.mark.parametrize("preprocessing", [Preprocessing(orientation="RAS"), RAS_1MM])
def test_copies_of_a_scan_in_other_orientations_get_the_same_mask(
    preprocessing: Preprocessing, make_trial: MakeTrial, tmp_path: Path
) -> None:
    folder, _ = make_trial(1, preprocessing)
    array = scan(24, 22, 12)
    masks = []
    for codes in ("RAS", "LPS", "PSR"):
        copy, affine = turned_copy(array, OBLIQUE, codes)
        source = save_nifti(tmp_path / f"{codes}.nii", copy, affine)
        (written,) = masks_of(folder, [source], tmp_path / "out", CPU)
        mask = nib.load(written)
        assert mask.shape == copy.shape
        np.testing.assert_array_equal(mask.affine, nib.load(source).affine)
        for field in ("sform_code", "qform_code"):
            assert mask.header[field] == nib.load(source).header[field]
        masks.append(turned_copy(np.asarray(mask.dataobj), mask.affine, "RAS")[0])
    assert np.sort(np.bincount(masks[0].reshape(-1)))[-2] > 300  # two classes at least
    np.testing.assert_array_equal(masks[1], masks[0])
    np.testing.assert_array_equal(masks[2], masks[0])


def test_a_scan_of_other_voxels_is_resampled_and_its_mask_comes_back(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial(1, RAS_1MM)
    array = ndimage.gaussian_filter(scan(20, 18, 22).astype(np.float32), 2)
    whole = save_nifti(tmp_path / "whole.nii", array, np.eye(4))
    half = ndimage.zoom(array, 2, order=3, grid_mode=True, mode="nearest")
    affine = np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] = -0.25
    fine = save_nifti(tmp_path / "fine.nii", half, affine)
    on_whole, on_fine = (np.asarray(nib.load(p).dataobj) for p in masks_of(folder, [whole, fine], tmp_path / "o", CPU))
    assert on_fine.shape == half.shape
    assert (on_fine[::2, ::2, ::2] == on_whole).mean() > 0.9
    assert (on_whole == expected_mask(network, array[np.newaxis])).mean() > 0.999


def test_the_organ_is_found_first_where_cases_were_cropped_around_their_label(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    crop = LabelCrop(margin_vox=(2, 2, None), least_vox=(8, 8, 0))
    folder, network = make_trial(1, Preprocessing(crop=crop))
    array = scan(30, 28, 16)
    array[:8] = 10000
    source = save_nifti(tmp_path / "case.nii", array)
    (predicted,) = predict_files(folder, [source], tmp_path / "out", CPU)
    assert predicted.note == "segmented again in the box around what was found"
    first = expected_mask(network, array[np.newaxis])
    box = crop.box(keep_largest((first > 0).astype(np.uint8)))
    expected = np.zeros_like(first)
    expected[box] = expected_mask(network, array[box][np.newaxis])
    assert (np.asarray(nib.load(predicted.image.mask).dataobj) == expected).mean() > 0.999


def test_a_box_keeps_the_intensities_of_its_scan_where_scans_were_normalised_before_they_were_cropped(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    crop = LabelCrop(margin_vox=(2, 2, None), least_vox=(8, 8, 0))
    folder, network = make_trial(1, Preprocessing(crop=crop, normalisation=Normalisation(kind="z_score_scan")))
    array = scan(30, 28, 16)
    array[:8] = 10000
    (predicted,) = predict_files(folder, [save_nifti(tmp_path / "case.nii", array)], tmp_path / "out", CPU)
    normalised = ((array - array.mean()) / array.std()).astype(np.float32)[np.newaxis]
    box = crop.box(keep_largest((mask_of(network, normalised) > 0).astype(np.uint8)))
    expected = np.zeros(array.shape, np.uint8)
    expected[box] = mask_of(network, normalised[(slice(None), *box)])
    assert (np.asarray(nib.load(predicted.image.mask).dataobj) == expected).mean() > 0.999


@pytest.mark.parametrize(
    ("kind", "image", "note"),
    [
        ("z_score", "shifted", "taken as it is, with mean 0.90 and deviation 1.00"),
        ("z_score", "normalised", ""),
        ("z_score_scan", "shifted", ""),
    ],
)
def test_an_image_taken_as_it_is_is_told_where_the_networks_may_have_had_mean_0(
    make_trial: MakeTrial, tmp_path: Path, kind: Kind, image: str, note: str
) -> None:
    folder, _ = make_trial(1, Preprocessing(normalisation=Normalisation(kind=kind)))
    array, _, _ = Normalisation().apply(scan(16, 16, 16)[np.newaxis])
    with h5py.File(tmp_path / "case.h5", "w") as file:
        file["image"] = array[0] + (0.9 if image == "shifted" else 0)
    (predicted,) = predict_files(folder, [tmp_path / "case.h5"], tmp_path / "out", CPU)
    assert predicted.note == note


def test_a_bad_image_does_not_stop_the_others_and_masks_are_not_made_twice(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    folder, _ = make_trial()
    images = tmp_path / "in"
    images.mkdir()
    for name in "acd":
        save_nifti(images / f"{name}.nii", scan(16, 16, 16 + ord(name) % 5))
    save_nifti(images / "b.nii", np.full((16, 16, 16), 7, np.int16))
    first = predict_files(folder, [images], tmp_path / "out", CPU)
    assert [predicted.image.mask.name for predicted in first] == ["a.nii", "b.nii", "c.nii", "d.nii"]
    assert [predicted.problem is None for predicted in first] == [True, False, True, True]
    assert "b.nii" in str(first[1].problem)
    assert "constant" in str(first[1].problem)
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in ("a.nii", "c.nii")}
    (tmp_path / "out" / "d.nii").unlink()
    save_nifti(images / "b.nii", scan(16, 16, 16))
    again = predict_files(folder, [images], tmp_path / "out", CPU)
    assert [predicted.found_before for predicted in again] == [True, False, True, False]
    assert all(predicted.problem is None for predicted in again)
    assert times == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in times}
    other = predict_files(folder, [images / "a.nii"], tmp_path / "out", CPU, options=MaskOptions(keep_largest=True))
    assert not other[0].found_before


def test_probabilities_and_mirrored_masks_fit_together(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial(1, Preprocessing(orientation="RAS"))
    array = scan(18, 17, 16)
    source = save_nifti(tmp_path / "case.nii.gz", array)
    options = MaskOptions(probabilities=True, mirror=True)
    (written,) = masks_of(folder, [source], tmp_path / "out", CPU, options=options)
    image = nib.load(tmp_path / "out" / "case_probabilities.nii.gz")
    found = np.asarray(image.dataobj)
    assert found.shape == (*array.shape, 3)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-6)
    np.testing.assert_array_equal(found.argmax(-1), np.asarray(nib.load(written).dataobj))
    plain = predict_files(folder, [source], tmp_path / "plain", CPU)[0].image.mask
    assert (np.asarray(nib.load(plain).dataobj) != np.asarray(nib.load(written).dataobj)).any()


def test_a_folder_of_dicom_slices_is_one_image_whose_mask_is_that_of_its_nifti_copy(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    folder, _ = make_trial(1, Preprocessing(orientation="RAS"))
    values = stored((18, 20, 16))
    write(tmp_path / "case7", slices(values))
    copy = save_nifti(tmp_path / "copy.nii", values, affine())
    from_series, from_copy = masks_of(folder, [tmp_path / "case7", copy], tmp_path / "out", CPU)[::-1]
    assert {from_series.name, from_copy.name} == {"case7.nii.gz", "copy.nii"}
    one, other = (nib.load(path) for path in (from_series, from_copy))
    np.testing.assert_array_equal(np.asarray(one.dataobj), np.asarray(other.dataobj))
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-5)
