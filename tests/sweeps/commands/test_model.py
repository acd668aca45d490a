import json
import re
from pathlib import Path

import pytest
import yaml

from simcvd.config import from_mapping
from simcvd.inference.weights import save_student
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network
from tests.tiny_trial import THREE_STEPS


@pytest.fixture
def make_trial(tmp_path):
    """Write what a finished trial leaves, with the first weights that come."""

    def make(name, classes=("atrium",), channels=1):
        config = from_mapping(THREE_STEPS)
        folder = tmp_path / "runs" / "trials" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        save_student(folder, Segmenter(build_network(config, channels, len(classes) + 1)), config, channels, classes)
        return Path("runs") / "trials" / name

    return make


def refused(done):
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: .+\n", done.output), done.output
    return done.output


def test_trials_become_a_model_that_says_what_it_is(run, make_trial):
    done = run("export", make_trial("a"), "--out", "model")
    assert done.exit_code == 0
    assert done.output == (
        "model: one network, classes atrium; its README.md has the commands to paste.\n"
        "simcvd predict model SCANS --out MASKS\n"
    )
    told = json.loads(Path("model/model.json").read_text())
    assert (told["name"], told["members"][0]["trial"]) == ("model", "a")
    again = run("export", "runs/trials/a", "--out", "model")
    assert (again.exit_code, again.output) == (0, done.output)


def test_what_can_not_be_one_model_is_one_sentence_and_nothing_is_written(run, make_trial, dataset):
    one, other, two = make_trial("a"), make_trial("b", ("liver",)), make_trial("c", channels=2)
    assert "their classes are atrium and liver" in refused(run("export", one, other, "--out", "model"))
    assert "they take 1 and 2 channels" in refused(run("export", one, two, "--out", "model"))
    assert "have the same weights" in refused(run("export", one, one, "--out", "model"))
    assert f"was not trained on {dataset}" in refused(run("export", one, "--dataset", dataset, "--out", "model"))
    assert "There is no data set in nowhere" in refused(run("export", one, "--dataset", "nowhere", "--out", "model"))
    assert "is there and is no model" in refused(run("export", one, "--out", "runs"))
    assert sorted(path.name for path in Path().iterdir()) == ["runs"]


def test_another_model_gives_way_only_when_it_is_told_to(run, make_trial):
    one, other = make_trial("a"), make_trial("b")
    assert run("export", one, "--out", "model").exit_code == 0
    assert "--replace" in refused(run("export", one, other, "--out", "model"))
    assert run("export", one, other, "--out", "model", "--replace").exit_code == 0
    assert len(json.loads(Path("model/model.json").read_text())["members"]) == 2


def test_a_model_that_was_damaged_is_one_sentence_in_every_command(run, make_trial, dataset):
    assert run("export", make_trial("a"), "--out", "model").exit_code == 0
    weights = Path("model/members/0/student.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    for command in (["predict", "model", "scan.nii", "--out", "masks"], ["evaluate", "model", dataset]):
        told = refused(run(*command, "--device", "cpu"))
        assert "The model model is damaged: members/0/student.safetensors is not as it was written" in told
    assert not Path("masks").exists()


def test_a_data_set_is_written_for_nnunet(run, dataset):
    done = run("export", "nnunet", dataset, "--out", "raw", "--number", "12")
    assert done.exit_code == 0, done.output
    folder = Path("raw/Dataset012_phantom")
    assert done.output == (
        f"{folder}: 1 labelled, 1 val, 1 test, 1 unlabelled; its README.md has the commands to paste.\n"
    )
    assert json.loads((folder / "dataset.json").read_text())["numTraining"] == 2
    assert "nnUNetv2_plan_and_preprocess -d 12 " in (folder / "README.md").read_text()
    again = run("export", "nnunet", dataset, "--out", "raw", "--number", "12")
    assert (again.exit_code, again.output) == (0, done.output)


def test_what_can_not_be_written_for_nnunet_is_one_sentence(run, dataset):
    for given, told in [
        (["nowhere", "--out", "raw"], "There is no data set in nowhere"),
        ([dataset, "--out", "s3://bucket/raw"], "`simcvd export nnunet` needs a folder"),
        (["s3://bucket/data", "--out", "raw"], "`simcvd export nnunet` needs a folder"),
    ]:
        assert refused(run("export", "nnunet", *given)).startswith(f"Error: {told}")
    assert not Path("raw").exists()


def test_export_alone_is_still_for_trials(run):
    assert "There is no trial in nowhere" in run("export", "nowhere", "--out", "model").output
    assert "There is no trial in nnunet" in run("export", "./nnunet", "--out", "model").output
    assert run("help", "export", "nnunet").output == run("export", "nnunet", "--help").output
    assert run("export", "--help").output != run("export", "nnunet", "--help").output
