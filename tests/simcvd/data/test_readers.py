from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

from simcvd.data.readers import hdf5_holds, read_hdf5, read_nifti, read_nrrd
from simcvd.errors import UserError

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
AFFINE = np.array([[0, -2, 0, 5], [1.0, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])


def test_nifti_keeps_axes_affine_and_spacing(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(ARRAY, AFFINE), tmp_path / "a.nii.gz")
    volume = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, ARRAY)
    np.testing.assert_allclose(volume.affine, AFFINE)
    assert volume.spacing_mm == (1, 2, 3)


def test_nifti_in_microns_is_in_millimetres(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ARRAY, np.diag([500.0, 500, 1000, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii").spacing_mm == (0.5, 0.5, 1)


def test_fourth_nifti_axis_holds_channels(tmp_path: Path) -> None:
    stacked = np.stack([ARRAY, ARRAY + 100], axis=-1)
    nibabel.save(nibabel.Nifti1Image(stacked, AFFINE), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz").array, np.stack([ARRAY, ARRAY + 100]))
    nibabel.save(nibabel.Nifti1Image(ARRAY[..., None], AFFINE), tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(read_nifti(tmp_path / "b.nii.gz").array, ARRAY)


def test_nrrd_agrees_with_nifti_of_the_same_volume(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(ARRAY, AFFINE), tmp_path / "a.nii")
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.nii")), str(tmp_path / "a.nrrd"))
    nifti, nrrd = read_nifti(tmp_path / "a.nii"), read_nrrd(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(nrrd.array, nifti.array)
    np.testing.assert_allclose(nrrd.affine, nifti.affine, atol=1e-5)
    assert nrrd.spacing_mm == pytest.approx((1, 2, 3))


def test_hdf5_takes_the_spacing_it_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = ARRAY
    volume = read_hdf5(tmp_path / "a.h5", "image", (0.625, 0.625, 0.625))
    np.testing.assert_array_equal(volume.array, ARRAY)
    assert volume.spacing_mm == (0.625, 0.625, 0.625)
    assert not hdf5_holds(tmp_path / "a.h5", "label")


@pytest.mark.parametrize(
    ("read", "name"), [(read_nifti, "a.nii.gz"), (read_nifti, "a.nii"), (read_nrrd, "a.nrrd"), (read_hdf5, "a.h5")]
)
def test_truncated_foreign_and_missing_files_are_told(read, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / name
    with pytest.raises(UserError, match="does not exist"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="is truncated or not"):
        read(path)
    path.write_text("not what the name says" * 100)
    with pytest.raises(UserError, match="is truncated or not"):
        read(path)
    noise = np.random.default_rng(0).integers(0, 1000, (20, 20, 20), np.int16)
    if name.endswith("h5"):
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=noise, compression="gzip")
    elif name.endswith("nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(noise), str(path), useCompression=True)
    else:
        nibabel.save(nibabel.Nifti1Image(noise, AFFINE), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="is truncated or not"):
        read(path)


def test_colours_and_five_axes_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((2, 2, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colour, AFFINE), tmp_path / "rgb.nii")
    with pytest.raises(UserError, match="not numbers"):
        read_nifti(tmp_path / "rgb.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2, 2, 2), np.uint8), AFFINE), tmp_path / "five.nii")
    with pytest.raises(UserError, match="it has 5 axes"):
        read_nifti(tmp_path / "five.nii")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 4), np.uint8)), str(tmp_path / "flat.nrrd"))
    with pytest.raises(UserError, match="three axes"):
        read_nrrd(tmp_path / "flat.nrrd")
