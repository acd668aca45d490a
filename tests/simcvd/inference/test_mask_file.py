from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the name its own manual uses

from simcvd.errors import UserError
from simcvd.inference.mask_file import make_folder, write_mask_like

MASK = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)


def test_a_nifti_mask_has_no_display_range_and_the_images_affine(tmp_path: Path) -> None:
    source, target, affine = tmp_path / "a.nii.gz", tmp_path / "mask.nii.gz", np.diag([1.0, 2, 3, 1])
    image = nibabel.Nifti1Image(MASK.astype(np.float32), affine)
    image.header["cal_max"] = 900
    nibabel.save(image, source)
    write_mask_like(source, MASK, target)
    written = nibabel.load(target)
    assert np.array_equal(np.asarray(written.dataobj), MASK)
    assert np.array_equal(written.affine, affine)
    assert (written.get_data_dtype(), float(written.header["cal_max"])) == (np.uint8, 0)


@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("channels", ["none", "vectors", "fourth axis"])
def test_a_mask_has_the_images_place_directions_and_spacing(ending: str, channels: str, tmp_path: Path) -> None:
    source, target = tmp_path / f"a{ending}", tmp_path / "masks" / f"a{ending}"
    axes = 4 if channels == "fourth axis" else 3
    array = np.zeros((2, 2, 3, 4)[4 - axes :] + (2,) * (channels == "vectors"), np.float32)
    image = sitk.GetImageFromArray(array, isVector=channels == "vectors")
    image.SetSpacing([1.0, 2.0, 3.0, 1.0][:axes])
    image.SetOrigin([10.0, -20.0, 30.0, 0.0][:axes])
    turned = np.eye(axes)
    turned[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, -1]]
    image.SetDirection(turned.reshape(-1).tolist())
    sitk.WriteImage(image, str(source))
    write_mask_like(source, MASK, target)
    written = sitk.ReadImage(str(target))
    assert np.array_equal(sitk.GetArrayFromImage(written).transpose(2, 1, 0), MASK)
    assert written.GetSpacing() == (1.0, 2.0, 3.0)
    assert written.GetOrigin() == (10.0, -20.0, 30.0)
    assert written.GetDirection() == (0, -1, 0, 1, 0, 0, 0, 0, -1)
    assert [path.name for path in target.parent.iterdir()] == [target.name]  # nothing beside it


def test_an_hdf5_mask_is_the_label_with_the_images_attributes(tmp_path: Path) -> None:
    source, target = tmp_path / "a.h5", tmp_path / "mask.h5"
    with h5py.File(source, "w") as file:
        file["image"] = MASK
        file.attrs["spacing_mm"] = [1.0, 2.0, 3.0]
    write_mask_like(source, MASK, target)
    with h5py.File(target) as file:
        assert list(file) == ["label"]
        assert np.array_equal(file["label"], MASK)
        assert file.attrs["spacing_mm"].tolist() == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "mask.h5"]


def test_a_folder_for_masks_is_made_and_left_empty_or_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "new" / "masks")
    assert list((tmp_path / "new" / "masks").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't be written .*; choose another folder for the masks"):
        make_folder(tmp_path / "file" / "masks")
