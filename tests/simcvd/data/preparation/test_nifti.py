from pathlib import Path

import pytest

from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.prepare import PrepareOptions
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_folder import Nifti, run, scan


def test_layout_names_and_order_come_from_dataset_json(nifti: Nifti, target: Path) -> None:
    source = nifti(5, unlabeled=1)
    source.image("w", scan(50), folder="imagesUn")
    source.image("x", scan(51), folder="imagesTs")
    source.describe(
        modality={"0": "T1"},
        labels={"background": 0, "tail": 2, "head": 1},
        training=[{"image": f"./imagesTr/{i}.nii.gz", "label": f"./labelsTr/{i}.nii.gz"} for i in "edcba"],
    )
    report = run(source, target, labeled=2, val=1, test=1)
    info = report.info
    assert (info.channels, info.classes) == (("T1",), ("head", "tail"))
    assert info.splits.model_dump() == {
        "train_labeled": ("e", "d"),
        "train_unlabeled": ("c", "u0", "w"),
        "val": ("b",),
        "test": ("a",),
    }
    assert report.notes == ("1 images in imagesTs/ have no labels and were not read.",)


def test_plain_layout_and_default_split(nifti: Nifti, target: Path) -> None:
    source = nifti(10, images="images", labels="labels")
    (source.path / "images" / "._a.nii.gz").write_text("left over by another system")
    splits = run(source, target, val=None, test=None).info.splits
    assert [len(ids) for _, ids in splits.items()] == [7, 0, 1, 2]
    assert splits.test == ("i", "j")


def test_missing_layout_and_wrong_dataset_json_are_told(nifti: Nifti, target: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has neither imagesTr/ nor images/"):
        prepare_nifti(tmp_path, target, PrepareOptions())
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=r"has no \.nii or \.nii\.gz file"):
        prepare_nifti(tmp_path, target, PrepareOptions())
    source = nifti()
    (source.path / "dataset.json").write_text("{")
    with pytest.raises(UserError, match="is not valid JSON"):
        run(source, target)
    source.describe(labels={"0": "background", "1": "a", "3": "b"})
    with pytest.raises(UserError, match=r"numbers 'labels' as \[0, 1, 3\]; expected 1, 2"):
        run(source, target)
    source.describe(labels={"background": 0, "both": [1, 2]})
    with pytest.raises(UserError, match="expected one name for each number"):
        run(source, target)
    source.describe()
    with pytest.raises(UserError, match="class names are 'a, a'; expected different names"):
        run(source, target, classes=("a", "a"))
