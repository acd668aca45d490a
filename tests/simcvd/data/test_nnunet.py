"""What is written for nnU-Net, read back with nibabel and SimpleITK, neither of which knows anything of us."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from simcvd.data.nnunet import write_nnunet
from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.store import open_case, open_info, write_info
from simcvd.errors import UserError
from tests.simcvd.data.conftest import scan, two_boxes
from tests.simcvd.data.tiny_store import SHAPE, make

Array = np.ndarray[Any, Any]

# Axes to the left, to the back and to the head, tilted by 20 degrees, voxels of 0.8 x 0.9 x 2.5 mm.
_C, _S = np.cos(np.radians(20)), np.sin(np.radians(20))
TILTED = np.array([[-0.8, 0, 0, 50], [0, -0.9 * _C, -2.5 * _S, 40], [0, -0.9 * _S, 2.5 * _C, -30], [0, 0, 0, 1]])


def voxels(path: Path) -> Array:
    image: Any = nibabel.load(path)
    return np.asanyarray(image.dataobj)


def affine(path: Path) -> Array:
    image: Any = nibabel.load(path)
    return np.asarray(image.affine)


def turned(path: Path) -> Any:
    """Return an image with its axes to the right, the front and the head, as nibabel turns it."""
    return nibabel.as_closest_canonical(nibabel.load(path))


@pytest.fixture
def prepared(nifti: Callable[..., Any], tmp_path: Path) -> Path:
    """Prepare five tilted scans of two channels, of their own voxel sizes, and two without labels."""
    source = nifti(5, 2)
    for number, name in enumerate(("a", "b", "c", "d", "e", "u0", "u1")):
        source.image(name, np.stack([scan(number), scan(number + 70) * 3], axis=-1), TILTED)
        if number < 5:
            source.label(name, two_boxes(), TILTED)
    labels = {"background": 0, "head": 1, "tail": 2}
    source.describe(channel_names={"0": "FLAIR", "1": "T1"}, labels=labels, file_ending=".nii.gz")
    options = PrepareOptions(labeled=2, val=1, test=1, spacing="keep", workers=2)
    prepare_nifti(source.path, tmp_path / "dataset", options)
    return tmp_path / "dataset"


def test_every_field_of_dataset_json_is_as_nnunet_documents_it(prepared: Path, tmp_path: Path) -> None:
    written = write_nnunet(prepared, tmp_path / "raw", number=7)
    content = json.loads((written.folder / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "FLAIR", "1": "T1"}
    assert content["labels"] == {"background": 0, "head": 1, "tail": 2}
    assert content["numTraining"] == 3
    assert content["file_ending"] == ".nii.gz"
    # What it reads beside these fields must be absent or mean the same.
    assert not content.keys() & {"dataset", "modality", "regions_class_order", "overwrite_image_reader_writer"}
    assert content["simcvd"]["digest"] == open_info(prepared).digest


def test_files_are_named_by_case_and_channel_in_the_folder_of_their_split(prepared: Path, tmp_path: Path) -> None:
    written = write_nnunet(prepared, tmp_path / "raw", number=7)
    splits = open_info(prepared).splits
    assert written.folder == tmp_path / "raw" / "Dataset007_dataset"
    train, val, test = splits.train_labeled, splits.val, splits.test
    expected = {
        *("dataset.json", "splits_final.json", "README.md"),
        *(f"imagesTr/{i}_000{channel}.nii.gz" for i in (*train, *val) for channel in "01"),
        *(f"labelsTr/{i}.nii.gz" for i in (*train, *val)),
        *(f"imagesTs/{i}_000{channel}.nii.gz" for i in test for channel in "01"),
        *(f"labelsTs/{i}.nii.gz" for i in test),
        *(f"imagesUnlabeled/{i}_000{channel}.nii.gz" for i in splits.train_unlabeled for channel in "01"),
    }
    files = {path.relative_to(written.folder).as_posix() for path in written.folder.rglob("*") if path.is_file()}
    assert files == expected
    assert (len(train), len(val), len(test), len(splits.train_unlabeled)) == (2, 1, 1, 3)


def test_the_split_is_the_data_sets_own(prepared: Path, tmp_path: Path) -> None:
    written = write_nnunet(prepared, tmp_path / "raw")
    splits = open_info(prepared).splits
    own = [{"train": list(splits.train_labeled), "val": list(splits.val)}]
    assert json.loads((written.folder / "splits_final.json").read_text()) == own


def test_voxels_and_their_places_are_those_of_the_scans(prepared: Path, tmp_path: Path) -> None:
    folder = write_nnunet(prepared, tmp_path / "raw").folder
    for path in [*folder.glob("imagesTr/*"), *folder.glob("imagesTs/*"), *folder.glob("imagesUnlabeled/*")]:
        case_id, channel = path.name.removesuffix(".nii.gz").rsplit("_", 1)
        source = turned(tmp_path / "source" / "imagesTr" / f"{case_id}.nii.gz")
        np.testing.assert_allclose(voxels(path), np.asanyarray(source.dataobj)[..., int(channel)], atol=1e-3)
        np.testing.assert_allclose(affine(path), source.affine, atol=1e-5)
    for path in [*folder.glob("labelsTr/*"), *folder.glob("labelsTs/*")]:
        source = turned(tmp_path / "source" / "labelsTr" / path.name)
        assert voxels(path).dtype == np.uint8
        assert np.array_equal(voxels(path), np.asanyarray(source.dataobj))
        np.testing.assert_allclose(affine(path), source.affine, atol=1e-5)


def test_simpleitk_finds_each_class_at_the_same_millimetres(prepared: Path, tmp_path: Path) -> None:
    folder = write_nnunet(prepared, tmp_path / "raw").folder

    def places(path: Path, class_id: int) -> Array:
        image = sitk.ReadImage(str(path))
        found = np.argwhere(sitk.GetArrayFromImage(image) == class_id)[:, ::-1]
        points = np.array([image.TransformIndexToPhysicalPoint([int(i) for i in index]) for index in found])
        return points[np.lexsort(np.round(points, 2).T)]

    for path in folder.glob("labels??/*"):
        for class_id in (1, 2):
            own = places(tmp_path / "source" / "labelsTr" / path.name, class_id)
            np.testing.assert_allclose(places(path, class_id), own, atol=1e-3)
        image = sitk.ReadImage(str(path))
        scan_of_it = sitk.ReadImage(str(next(folder.glob(f"images??/{path.name[0]}_0001.nii.gz"))))
        np.testing.assert_allclose(image.GetSpacing(), (0.8, 0.9, 2.5), rtol=1e-5)
        assert image.GetSize() == scan_of_it.GetSize()
        for read in ("GetSpacing", "GetOrigin", "GetDirection"):
            np.testing.assert_allclose(getattr(image, read)(), getattr(scan_of_it, read)())


def test_resampled_voxels_keep_their_places(nifti: Callable[..., Any], tmp_path: Path) -> None:
    source = nifti(4)
    for number, name in enumerate("abcd"):
        source.image(name, scan(number), TILTED)
        source.label(name, two_boxes(), TILTED)
    prepare_nifti(source.path, tmp_path / "dataset", PrepareOptions(val=1, test=1, spacing="0.4,0.9,1.25", workers=2))
    folder = write_nnunet(tmp_path / "dataset", tmp_path / "raw").folder
    path = next(folder.glob("labelsTr/*"))
    np.testing.assert_allclose(np.linalg.norm(affine(path)[:3, :3], axis=0), (0.4, 0.9, 1.25), rtol=1e-6)
    own, other = sitk.ReadImage(str(source.path / "labelsTr" / path.name)), sitk.ReadImage(str(path))

    def overlap() -> float:
        there = sitk.GetArrayFromImage(sitk.Resample(own, other, sitk.Transform(), sitk.sitkNearestNeighbor))
        here = sitk.GetArrayFromImage(other)
        both = np.logical_and(here > 0, there > 0).sum()
        return float(2 * both / ((here > 0).sum() + (there > 0).sum()))

    before = overlap()
    assert before > 0.95
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1
        other.SetOrigin(other.TransformContinuousIndexToPhysicalPoint(step))
        assert overlap() < before, "a voxel beside it is worse"
        other.SetOrigin(other.TransformContinuousIndexToPhysicalPoint(-step))


def test_a_cropped_case_lies_where_it_was_cut_out(tmp_path: Path) -> None:
    make(tmp_path / "dataset")  # cut out from voxel 1, 2, 3 on, its third case of 1 x 1 x 3 mm
    folder = write_nnunet(tmp_path / "dataset", tmp_path / "raw").folder
    expected = np.diag([1.0, 1.0, 3.0, 1.0])
    expected[:3, 3] = 1, 2, 9
    np.testing.assert_allclose(affine(folder / "imagesUnlabeled" / "c_0000.nii.gz"), expected)
    assert voxels(folder / "imagesUnlabeled" / "c_0000.nii.gz").shape == SHAPE
    assert not list(folder.rglob("c.nii.gz")), "a label that training may not see stays where it is"


def test_ignored_voxels_have_the_number_above_the_last_class(tmp_path: Path) -> None:
    info = make(tmp_path / "dataset")
    write_info(tmp_path / "dataset", info.model_copy(update={"ignored": True}))
    case = open_case(tmp_path / "dataset", "a", with_label=True)
    assert case.label is not None
    marked = case.label.copy()
    marked[0] = 255
    from simcvd.data.store import Grid, write_case

    grid = Grid((1, 1, 1), np.eye(4), SHAPE)
    write_case(tmp_path / "dataset", "a", case.image, marked, grid, classes=1)
    folder = write_nnunet(tmp_path / "dataset", tmp_path / "raw").folder
    label = voxels(folder / "labelsTr" / "a.nii.gz")
    assert sorted(np.unique(label)) == [0, 1, 2]
    assert np.array_equal(label == 2, marked == 255)
    assert json.loads((folder / "dataset.json").read_text())["labels"] == {"background": 0, "thing": 1, "ignore": 2}


def test_the_body_that_was_normalised_alone_is_the_scanners_again_and_the_rest_stays_0(
    nifti: Callable[..., Any], tmp_path: Path
) -> None:
    source, images = nifti(4), [scan(number) for number in range(4)]
    for name, image in zip("abcd", images, strict=True):
        image[:6] = 0
        source.image(name, image)
    options = PrepareOptions(val=1, test=1, spacing="keep", normalize="nonzero", workers=2)
    prepare_nifti(source.path, tmp_path / "dataset", options)
    folder = write_nnunet(tmp_path / "dataset", tmp_path / "raw").folder
    np.testing.assert_allclose(voxels(folder / "imagesTr" / "a_0000.nii.gz"), images[0], atol=1e-3)


def test_what_we_wrote_can_be_prepared_again_with_the_same_voxels(prepared: Path, tmp_path: Path) -> None:
    folder = write_nnunet(prepared, tmp_path / "raw").folder
    options = PrepareOptions(val=1, test=0, spacing="keep", workers=2)
    info = prepare_nifti(folder, tmp_path / "again", options).info
    assert (info.classes, info.channels) == (("head", "tail"), ("FLAIR", "T1"))
    first, second = (open_case(place, "a", with_label=True) for place in (prepared, tmp_path / "again"))
    np.testing.assert_allclose(second.image, first.image, atol=1e-4)
    assert first.label is not None
    assert second.label is not None
    assert np.array_equal(second.label, first.label)


def test_the_same_again_stays_and_anything_else_is_refused(prepared: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    folder = write_nnunet(prepared, raw).folder
    stamp = (folder / "dataset.json").stat().st_mtime_ns
    write_nnunet(prepared, raw)
    assert (folder / "dataset.json").stat().st_mtime_ns == stamp
    info = open_info(prepared)
    write_info(prepared, info.model_copy(update={"classes": ("x", "y")}))
    with pytest.raises(UserError, match=r"Dataset500_dataset is there and holds something else; move it away"):
        write_nnunet(prepared, raw)
    write_info(prepared, info.model_copy(update={"name": "other name"}))
    with pytest.raises(UserError, match=r"Dataset500_dataset has 500 already; give another --number"):
        write_nnunet(prepared, raw)
    assert write_nnunet(prepared, raw, number=501).folder.name == "Dataset501_other-name"


def test_names_that_nnunet_takes_for_something_else_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    info = make(tmp_path / "dataset")
    write_info(tmp_path / "dataset", info.model_copy(update={"classes": ("Ignore",)}))
    with pytest.raises(UserError, match=r"has a class 'Ignore', which means something else to nnU-Net"):
        write_nnunet(tmp_path / "dataset", tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_without_val_cases_there_is_no_split(tmp_path: Path) -> None:
    info = make(tmp_path / "dataset")
    splits = info.splits.model_copy(update={"val": (), "train_labeled": ("a", "b", "v")})
    write_info(tmp_path / "dataset", info.model_copy(update={"splits": splits}))
    folder = write_nnunet(tmp_path / "dataset", tmp_path / "raw").folder
    assert not (folder / "splits_final.json").exists()
    assert "nnUNetv2_train 500 3d_fullres all" in (folder / "README.md").read_text()


def test_writing_needs_no_torch() -> None:
    code = "import sys, simcvd.data.nnunet; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
