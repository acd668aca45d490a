"""Masks of model folders, by `predict_files`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.errors import UserError
from simcvd.inference.export import write_model
from simcvd.inference.mask_options import MaskOptions
from simcvd.inference.predict import predict_files
from simcvd.networks.base import Segmenter
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.preprocessing import Preprocessing
from simcvd.transforms.largest_piece import keep_largest

MakeTrial = Callable[..., tuple[Path, Segmenter]]
CPU = torch.device("cpu")
RAS_1MM = Preprocessing(orientation="RAS", spacing_mm=(1.0, 1.0, 1.0))
CROPPED = Preprocessing(crop=LabelCrop(margin_vox=(2, 2, None), least_vox=(8, 8, 0)))
OPTIONS = MaskOptions(probabilities=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A smooth scan of other voxels and axes than the trials' grid."""
    array = ndimage.gaussian_filter(np.random.default_rng(0).normal(300, 90, (14, 18, 9)), 1.5).astype(np.float32)
    affine = np.array([[0, 1.1, 0, -9], [-1.4, 0, 0, 30], [0, 0, 1.9, 4], [0, 0, 0, 1]], float)
    nib.save(nib.Nifti1Image(array, affine), tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def mask_of(folder: Path, image: Path, out: Path, options: MaskOptions = OPTIONS) -> NDArray[np.uint8]:
    (found,) = predict_files(folder, [image], out, CPU, options=options)
    assert found.problem is None
    assert not found.found_before
    return np.asarray(nib.load(found.image.mask).dataobj)


def probabilities(out: Path) -> NDArray[np.float32]:
    return np.asarray(nib.load(out / "scan_probabilities.nii.gz").dataobj)


@pytest.mark.parametrize("way", [RAS_1MM, CROPPED, None], ids=["resampled", "cropped", "version 0.1"])
def test_a_model_of_one_network_elsewhere_gives_the_bits_of_its_trial(
    way: Preprocessing | None, make_trial: MakeTrial, image: Path, tmp_path: Path
) -> None:
    trial, _ = make_trial(1, way)
    mask = mask_of(trial, image, tmp_path / "of trial")
    write_model(tmp_path / "model", [trial])
    elsewhere = shutil.copytree(tmp_path / "model", tmp_path / "far" / "away")
    shutil.rmtree(tmp_path / "model")
    shutil.rmtree(trial)
    np.testing.assert_array_equal(mask_of(elsewhere, image, tmp_path / "of model"), mask)
    np.testing.assert_array_equal(probabilities(tmp_path / "of model"), probabilities(tmp_path / "of trial"))
    for name in ("scan.nii.gz", "scan_probabilities.nii.gz"):
        one, other = (nib.load(tmp_path / out / name) for out in ("of model", "of trial"))
        assert one.header == other.header
    assert len(np.unique(mask)) > 1


@pytest.mark.parametrize("mirror", [False, True])
def test_an_ensembles_probabilities_are_the_mean_of_its_members(
    mirror: bool, make_trial: MakeTrial, image: Path, tmp_path: Path
) -> None:
    sizes = {"network__width": 3, "data__crop_vox": [16, 32, 16], "inference__stride_vox": [8, 16, 16]}
    trials = [make_trial(1, RAS_1MM, seed=1)[0], make_trial(1, RAS_1MM, seed=2, **sizes)[0]]
    options = MaskOptions(probabilities=True, mirror=mirror)
    masks = [mask_of(trial, image, tmp_path / str(number), options) for number, trial in enumerate(trials)]
    write_model(tmp_path / "model", trials)
    mask = mask_of(tmp_path / "model", image, tmp_path / "both", options)
    found, expected = probabilities(tmp_path / "both"), sum(probabilities(tmp_path / out) for out in "01") / 2
    np.testing.assert_allclose(found, expected, atol=1e-6)
    sure = np.diff(np.sort(expected, -1)[..., -2:], axis=-1)[..., 0] > 1e-5
    np.testing.assert_array_equal(mask[sure], expected.argmax(-1)[sure])
    assert all((mask != one).any() for one in masks)


def test_the_largest_pieces_of_an_ensembles_mask_are_kept_and_its_copy_goes_on(
    make_trial: MakeTrial, image: Path, tmp_path: Path
) -> None:
    trials = [make_trial(1, CROPPED, seed=seed)[0] for seed in (1, 2)]
    write_model(tmp_path / "model", trials)
    whole = mask_of(tmp_path / "model", image, tmp_path / "whole", MaskOptions())
    kept = mask_of(tmp_path / "model", image, tmp_path / "kept", MaskOptions(keep_largest=True))
    np.testing.assert_array_equal(kept, keep_largest(whole))
    copy = shutil.copytree(tmp_path / "model", tmp_path / "copy")
    (again,) = predict_files(copy, [image], tmp_path / "whole", CPU)
    assert again.found_before
    write_model(tmp_path / "other", trials[::-1])
    (other,) = predict_files(tmp_path / "other", [image], tmp_path / "whole", CPU)
    assert not other.found_before


def test_a_damaged_member_ends_in_a_sentence_and_no_mask(make_trial: MakeTrial, image: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "model", [make_trial(seed=seed)[0] for seed in (1, 2)])
    settings = tmp_path / "model" / "members" / "1" / "config.yaml"
    settings.write_text(settings.read_text().replace("- 8\n", "- 4\n"))
    with pytest.raises(UserError, match=r"damaged: members/1/config\.yaml is not as it was written"):
        predict_files(tmp_path / "model", [image], tmp_path / "masks", CPU)
    assert not (tmp_path / "masks").exists()
