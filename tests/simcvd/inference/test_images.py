import os
from pathlib import Path

import pytest

from simcvd.errors import UserError
from simcvd.inference.images import FinishedMasks, find_images


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("x")
    return [folder / name for name in names]


def test_all_scans_of_a_folder_are_taken_but_no_other_files(tmp_path: Path) -> None:
    touch(tmp_path / "in", "b.nii.gz", "a.nrrd", "notes.txt", "._a.nrrd", "c.mha")
    (tmp_path / "in" / "deeper").mkdir()
    found = find_images([tmp_path / "in"], tmp_path / "out", 1)
    assert [image.mask.name for image in found] == ["a.nrrd", "b.nii.gz", "c.mha"]
    with pytest.raises(UserError, match="has no image to segment"):
        find_images([tmp_path / "in" / "deeper"], tmp_path / "out", 1)


def test_files_of_one_channel_each_are_one_image(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a_0000.nii.gz", "a_0001.nii.gz", "b.nii.gz", "c_0001.nii.gz")
    two = find_images([tmp_path / "in"], tmp_path / "out", 2)
    assert [(image.mask.name, len(image.files)) for image in two] == [
        ("a.nii.gz", 2),
        ("b.nii.gz", 1),
        ("c_0001.nii.gz", 1),
    ]
    assert [file.name for file in two[0].files] == ["a_0000.nii.gz", "a_0001.nii.gz"]
    one = find_images([tmp_path / "in"], tmp_path / "out", 1)
    assert one[0].mask.name == "a_0000.nii.gz"


def test_masks_are_remembered_until_image_network_or_options_change(tmp_path: Path) -> None:
    (file,) = touch(tmp_path / "in", "a.nii")
    out = tmp_path / "out"
    touch(out, "a.nii")
    (image,) = find_images([file], out, 1)
    made_by = ["weights", False]
    assert not FinishedMasks(out, made_by).holds(image)
    FinishedMasks(out, made_by).add(image)
    assert FinishedMasks(out, made_by).holds(image)
    assert not FinishedMasks(out, ["weights", True]).holds(image)
    with (out / ".predicted.jsonl").open("a") as memory:
        memory.write('\n{"mask": "a.n')  # cut off
    assert FinishedMasks(out, made_by).holds(image)
    os.utime(file, (1, 1))
    assert not FinishedMasks(out, made_by).holds(image)
    FinishedMasks(out, made_by).add(image)
    image.mask.unlink()
    assert not FinishedMasks(out, made_by).holds(image)


def test_a_mask_that_was_being_replaced_at_a_kill_is_not_taken_for_the_earlier_one(tmp_path: Path) -> None:
    (file,) = touch(tmp_path / "in", "a.nii")
    out = tmp_path / "out"
    touch(out, "a.nii")
    (image,) = find_images([file], out, 1)
    FinishedMasks(out, ["first"]).add(image)
    FinishedMasks(out, ["second"]).begin(image)  # killed after it wrote the mask, before it remembered that
    assert not FinishedMasks(out, ["first"]).holds(image)
    assert not FinishedMasks(out, ["second"]).holds(image)
    FinishedMasks(out, ["second"]).add(image)
    assert FinishedMasks(out, ["second"]).holds(image)


def test_files_that_no_prediction_wrote_are_never_replaced(tmp_path: Path) -> None:
    (file,) = touch(tmp_path / "in", "a.nii")
    out = tmp_path / "labels"
    touch(out, "a.nii")
    (image,) = find_images([file], out, 1)
    with pytest.raises(UserError, match=r"a\.nii is there and was not written by `simcvd predict`"):
        FinishedMasks(out, []).refuse_others([image])
    FinishedMasks(out, []).begin(image)  # killed while it was written
    FinishedMasks(out, []).refuse_others([image])
