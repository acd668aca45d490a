import json
import os
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from simcvd.data.phantom import make_phantom

TINY = [
    "training.steps=2",
    "data.crop_vox=16x16x16",
    "inference.stride_vox=16x16x16",
    "network.width=1",
    "projection.pool_size=4",
]
SETTINGS = [part for assignment in TINY for part in ("--set", assignment)]


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    generator = np.random.default_rng(0)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(4):
        image, label = make_phantom(generator, (16, 16, 16))
        nib.save(nib.Nifti1Image(image, np.eye(4)), folder / "images" / f"case{number}.nii.gz")
        nib.save(nib.Nifti1Image(label, np.eye(4)), folder / "labels" / f"case{number}.nii.gz")
    return folder


def check_model(run, tmp_path, scans):
    """Export the trials as an ensemble, take it elsewhere, and paste the commands of its README."""
    trials = sorted(Path("runs/trials").iterdir(), key=lambda path: path.name.split("-")[1])
    exported = run("export", *trials, "--out", "made/model", "--dataset", "data", "--name", "boxes")
    assert exported.exit_code == 0, exported.output
    assert exported.output.splitlines()[-1] == "simcvd predict made/model SCANS --out MASKS"
    assert "an ensemble of 2 networks, classes" in exported.output
    model = Path("made/model").rename(tmp_path / "elsewhere")
    assert (model / "plan.yaml").read_bytes() == Path("data/plan.yaml").read_bytes()

    card = (model / "README.md").read_text()
    assert card.startswith("# boxes\n")
    predict, evaluate, train = card.split("```")[1].strip().splitlines()
    given = {"MODEL": model, "SCANS": scans / "images", "MASKS": "of-model", "DATASET": "data", "RUNS": "runs"}

    def pasted(line):
        result = run(*(given.get(word, word) for word in shlex.split(line)[1:]), "--device", "cpu")
        assert result.exit_code == 0, result.output
        return result.output

    assert "4 masks written" in pasted(predict)
    assert nib.load("of-model/case0.nii.gz").shape == (16, 16, 16)
    assert "mean of 1" in pasted(evaluate)
    loop, body = train.removesuffix("; done").split("; do ")
    assert loop == "for config in MODEL/members/*/config.yaml"
    for config in sorted(model.glob("members/*/config.yaml")):
        assert "Finished before" in pasted(body.replace('"$config"', str(config)))

    alone = run("evaluate", model)
    assert alone.exit_code == 2
    assert (
        alone.output
        == f"Error: The model {model} holds no scores; give the DATASET whose cases it is to be scored on.\n"
    )


def test_scans_become_a_data_set_a_trial_scores_masks_and_a_table(run, scans, tmp_path):
    def done(*arguments):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    counts = [*("--labeled", 1), *("--val", 1), *("--test", 1)]
    assert "1 train_labeled, 1 train_unlabeled, 1 val, 1 test" in done("prepare", "nifti", scans, "data", *counts)
    assert json.loads(run("inspect", "data", "--json").stdout)["problems"] == []

    assert "2 steps" in done("train", "data", *SETTINGS, "--device", "cpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""  # torch's optimisers open a context on a GPU that they see
    (trial,) = Path("runs/trials").iterdir()
    assert "Finished before" in done("train", "data", "--config", trial / "config.yaml", "--device", "cpu")

    recorded = json.loads(run("evaluate", trial, "--json").stdout)
    assert [row["split"] for row in recorded] == ["test"]
    anew = json.loads(run("evaluate", trial, "data", "--json", "--device", "cpu").stdout)
    assert anew[0]["dice"] == pytest.approx(recorded[0]["dice"], nan_ok=True)
    assert "mean of 1" in done("evaluate", trial, "--split", "val")

    image = scans / "images" / "case0.nii.gz"
    done("predict", trial, image, "--out", "masks", "--device", "cpu")
    assert nib.load("masks/case0.nii.gz").shape == (16, 16, 16)

    done("train", "data", *SETTINGS, "--seed", "1", "--device", "cpu")
    check_model(run, tmp_path, scans)

    sweep = {
        "name": "one",
        "metric": "dice",
        "reference": None,
        "dataset": {"name": "data"},
        "variants": [{"name": "only", "set": {}, "trials": [{"seed": 0, "id": trial.name}]}],
    }
    Path("runs/sweeps/one").mkdir(parents=True)
    Path("runs/sweeps/one/sweep.yaml").write_text(json.dumps(sweep))
    for place in ("runs", "runs/one", "runs/sweeps/one"):
        assert "one: 1 of 1 finished" in done("status", place)
    for place in ("one", "runs/sweeps/one"):
        assert "| only |" in done("tables", place, "--format", "md")
    assert done("tables", "one", "--format", "csv").startswith("sweep,")
    assert "only" in done("tables", "one", "--metric", "jaccard")
    assert "did you mean dice?" in run("tables", "one", "--metric", "dise").output

    Path("runs/sweeps/one/sweep.yaml").write_text(json.dumps(sweep | {"also": ["jaccard", "hd95_vox"]}))
    assert "| variant | Dice [%] | Jaccard [%] | HD95 [voxel] |" in done("tables", "one", "--format", "md")
    assert done("tables", "one", "--format", "csv").count("hd95_vox") == 2
    assert "one: Dice, Jaccard and HD95 on test cases" in done("tables", "one")
    assert "one: Jaccard [%] on test cases" in done("tables", "one", "--metric", "jaccard")
