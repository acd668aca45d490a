import json
import shutil

import h5py
import nibabel
import numpy as np
import pytest

from simcvd.data.dataset_info import open_info
from simcvd.data.store import open_case
from simcvd.inference.model_folder import MemberInfo, ModelInfo
from tests.simcvd.scans.dicom.tiny_series import save, segmentation, slices, stored, write


def test_inspect_tells_that_a_data_set_is_sound_and_2_if_not(run, dataset, tmp_path):
    dataset = shutil.copytree(dataset, tmp_path / "data")
    assert run("inspect", dataset).output.endswith("sound\n")
    next((dataset / "cases").glob("*.h5")).unlink()
    done = run("inspect", dataset)
    assert done.exit_code == 2
    assert "PROBLEM" in done.output


def test_inspect_writes_a_page_and_keeps_standard_output_for_json(run, dataset, tmp_path):
    page = tmp_path / "data.html"
    assert f"{page}: " in run("inspect", dataset, "--html", page).output
    assert page.read_text().startswith("<!doctype html>")
    page.unlink()
    assert json.loads(run("inspect", dataset, "--json", "--html", page).stdout)["problems"] == []
    assert page.exists()
    refused = run("inspect", dataset, "--html", dataset)
    assert refused.exit_code == 2
    assert "give --html another file" in str(refused.output) + str(refused.exception)


COMMON = ("--labeled", "--unlabeled", "--val", "--test", "--split", "--groups", "--seed", "--skip-bad", "--workers")
CHOSEN = ("--classes", "--channels", "--spacing", "--normalize", "--like")


@pytest.mark.parametrize("kind", ["la", "nifti", "dicom", "pancreas"])
def test_every_prepare_offers_the_same_options_but_for_what_its_data_fix(run, kind):
    told = run("prepare", kind, "--help").output
    assert [name for name in COMMON if f"{name} " not in told] == []
    offered = {"la": ["--normalize"], "pancreas": []}.get(kind, list(CHOSEN))
    assert [name for name in CHOSEN if f"{name} " in told] == offered
    assert ("--series " in told) == (kind == "dicom")


def test_prepare_la_takes_how_its_scans_are_normalised(run, tmp_path):
    for number in range(2):
        folder = tmp_path / "la" / f"P{number}"
        folder.mkdir(parents=True)
        with h5py.File(folder / "mri_norm2.h5", "w") as file:
            file["image"] = np.random.default_rng(number).normal(0.9, 0.5, (16, 16, 16)).astype(np.float32)
            file["label"] = np.pad(np.ones((8, 8, 8), np.uint8), 4)
    refused = run("prepare", "la", tmp_path / "la", tmp_path / "set", "--normalize", "nonzero")
    assert refused.exit_code == 2
    assert "z-score alone" in str(refused.output) + str(refused.exception)
    assert not (tmp_path / "set").exists()
    assert run("prepare", "la", tmp_path / "la", tmp_path / "set", "--normalize", "z-score").exit_code == 0
    assert open_case(tmp_path / "set", "P1", with_label=False).image.std() == pytest.approx(1, abs=1e-3)


def test_prepare_dicom_takes_the_series_that_is_asked_for(run, tmp_path):
    for number in range(2):
        folder = tmp_path / "scans" / str(number)
        write(folder / "a", slices(stored(seed=number)))
        write(folder / "b", slices(stored(seed=9 + number), SeriesInstanceUID="1.9", SeriesDescription="late"))
        save(segmentation({"liver": stored() > 0}, slices(stored())), folder / "seg")
    asked = ("prepare", "dicom", tmp_path / "scans", tmp_path / "set", "--val", 0, "--test", 0)
    refused = run(*asked)
    assert refused.exit_code == 2
    assert "choose one by --series" in refused.output
    done = run(*asked, "--series", "late", "--spacing", "keep")
    assert "2 train_labeled" in done.output
    assert done.exit_code == 0


def _model(folder, preprocessing):
    """Write a model folder as far as `prepare` reads it."""
    folder.mkdir()
    info = ModelInfo(
        name="model",
        created="2026-01-01T00:00:00+00:00",
        simcvd_version="0",
        classes=("thing",),
        image_channels=1,
        preprocessing=preprocessing,
        members=(MemberInfo(trial="t", method="supervised", seed=0),),
        files={"members/0/config.yaml": "0", "members/0/student.safetensors": "0"},
    )
    (folder / "model.json").write_text(info.text())
    return folder


def test_prepare_follows_a_model_as_it_follows_a_data_set(run, tmp_path, nifti_scans):
    asked = ("--classes", "thing", "--labeled", 2, "--val", 0, "--test", 0)
    first = run("prepare", "nifti", nifti_scans, tmp_path / "first", "--spacing", "2,2,2", *asked)
    assert first.exit_code == 0, first.output
    made = open_info(tmp_path / "first").preprocessing
    model = _model(tmp_path / "model", made)
    done = run("prepare", "nifti", nifti_scans, tmp_path / "second", "--like", model, *asked)
    assert done.exit_code == 0, done.output
    assert open_info(tmp_path / "second").preprocessing == made
    assert open_info(tmp_path / "second").digest == open_info(tmp_path / "first").digest
    again = run("prepare", "nifti", nifti_scans, tmp_path / "second", "--like", model, *asked)
    assert again.exit_code == 0, again.output


def test_a_model_that_does_not_say_how_scans_were_prepared_can_not_be_followed(run, tmp_path, nifti_scans):
    model = _model(tmp_path / "model", None)
    done = run("prepare", "nifti", nifti_scans, tmp_path / "set", "--like", model)
    assert done.exit_code == 2
    assert "does not say how its scans were prepared" in done.output
    assert not (tmp_path / "set").exists()


@pytest.fixture
def nifti_scans(tmp_path):
    for number in range(2):
        label = np.zeros((8, 9, 10), np.uint8)
        label[2:6, 2:6, 2:6] = 1
        image = np.random.default_rng(number).normal(size=label.shape).astype(np.float32) + label
        for folder, array in (("imagesTr", image), ("labelsTr", label)):
            path = tmp_path / "scans" / folder / f"case{number}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    return tmp_path / "scans"


def test_prepare_pancreas_says_what_is_missing(run, tmp_path):
    (tmp_path / "Pancreas-CT").mkdir()
    refused = run("prepare", "pancreas", tmp_path, tmp_path / "set")
    assert refused.exit_code == 2
    assert "has no folder PANCREAS_0001" in refused.output


def test_prepare_says_what_is_odd_about_the_new_data_set_and_2_if_results_would_be_wrong(run, tmp_path):
    random = np.random.default_rng(0)
    images = {f"case{number}": random.random((12, 12, 12), np.float32) for number in range(3)}
    images["case3"] = images["case0"] * 3 + 1  # the same scan in another unit
    label = np.zeros((12, 12, 12), np.uint8)
    label[0:4, 4:8, 4:8] = 1
    for name, image in images.items():
        for folder, array in (("images", image), ("labels", label)):
            (tmp_path / "scans" / folder).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "scans" / folder / f"{name}.nii")
    asked = ("prepare", "nifti", tmp_path / "scans", tmp_path / "set", "--val", 0, "--test", 1)
    done = run(*asked)
    assert "ODD        3 of 3 labels touch the scan's border (low X)" in done.output
    assert "PROBLEM    Cases case0 (train_labeled) and case3 (test) hold the same scan" in done.output
    assert done.exit_code == 2


def test_prepare_keeps_the_scans_of_a_patient_in_one_split_and_says_what_that_changes(run, tmp_path):
    random = np.random.default_rng(0)
    label = np.zeros((12, 12, 12), np.uint8)
    label[4:8, 4:8, 4:8] = 1
    for number in range(5):
        for folder, array in (("images", random.random((12, 12, 12), np.float32)), ("labels", label)):
            (tmp_path / "scans" / folder).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "scans" / folder / f"case{number}.nii")
    groups = tmp_path / "patients.csv"
    groups.write_text("case,group\ncase1,p\ncase2,p\ncase3,q\ncase4,q\n")
    asked = ("prepare", "nifti", tmp_path / "scans", tmp_path / "set", "--val", 0, "--test", 1, "--groups", groups)
    done = run(*asked)
    assert done.exit_code == 0, done.output
    assert "1 cases are not in" in done.output
    info = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert info["splits"]["test"] == ["case0"], "the only number of cases that is met exactly"
    groups.write_text("case,patient\ncase1,p\n")
    refused = run(*asked)
    assert refused.exit_code == 2
    assert "begins with 'case,patient'; expected a CSV file whose first line is case,group" in refused.output
