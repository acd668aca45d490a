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

from simcvd.errors import UserError
from simcvd.inference.predict import predict_files
from simcvd.inference.sliding_window import segment
from simcvd.networks.vnet import Segmenter

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


def expected_mask(network: Segmenter, channels: NDArray[Any]) -> NDArray[np.uint8]:
    image = channels.astype(np.float64)
    image = (image - image.mean((1, 2, 3), keepdims=True)) / image.std((1, 2, 3), keepdims=True)
    return segment(network, image.astype(np.float32), (16, 16, 16), (8, 8, 16), device=CPU)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_mask_lies_over_its_image(ending: str, make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial()
    array = scan(21, 17, 13)
    source = save_nifti(tmp_path / f"case{ending}", array)
    (written,) = predict_files(folder, [source], tmp_path / "out" / "masks", CPU)
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
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_a_nifti_images_fourth_axis_holds_channels(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, network = make_trial(2)
    array = scan(16, 18, 16, 2)
    source = save_nifti(tmp_path / "case.nii.gz", array)
    (written,) = predict_files(folder, [source], tmp_path / "out", CPU)
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
    (written,) = predict_files(folder, [source], tmp_path / "out", CPU)
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
    (written,) = predict_files(folder, [source], tmp_path / "out", CPU)
    with h5py.File(written) as file:
        found = file["label"][()]
        assert tuple(file.attrs["spacing_mm"]) == (0.625, 0.625, 0.625)
    assert found.dtype == np.uint8
    assert (found == segment(network, array[np.newaxis], (16, 16, 16), (8, 8, 16), device=CPU)).mean() > 0.999


def test_images_of_one_name_get_their_folders_name(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    sources = []
    for case in ("a", "b"):
        (tmp_path / case).mkdir()
        sources.append(save_nifti(tmp_path / case / "image.nii", scan(16, 16, 16)))
    told: list[Path] = []
    written = predict_files(folder, sources, tmp_path / "out", CPU, on_image=told.append)
    assert [path.name for path in written] == ["a_image.nii", "b_image.nii"]
    assert told == written
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
        save_nifti(tmp_path / "two.nii", scan(16, 16, 16, 2)): "has 2 channels, but the trial was trained on 1",
        save_nifti(tmp_path / "flat.nii", np.full((16, 16, 16), 7, np.int16)): "constant",
        save_nifti(tmp_path / "nan.nii", holes): "NaN",
        cut_off: "truncated",
        tmp_path / "text.nrrd": "text.nrrd",
        tmp_path / "photo.png": "no format that can be segmented",
        tmp_path / "missing.nii": "There is no image",
        tmp_path / "raw.h5": "normalise it",
        tmp_path / "empty.h5": "no data set 'image'",
    }
    for path, sentence in wrong.items():
        with pytest.raises(UserError, match=sentence) as caught:
            predict_files(folder, [path], tmp_path / "out", CPU)
        assert path.name in str(caught.value)
    assert not any((tmp_path / "out").iterdir())


def test_a_folder_that_can_not_be_written_to_is_told(make_trial: MakeTrial, tmp_path: Path) -> None:
    folder, _ = make_trial()
    source = save_nifti(tmp_path / "case.nii", scan(16, 16, 16))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="can't be written"):
        predict_files(folder, [source], tmp_path / "file" / "out", CPU)
