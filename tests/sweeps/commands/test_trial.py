import json
import shutil
from pathlib import Path

import pytest
import yaml

from simcvd.config import load_preset
from simcvd.config.settings import DataConfig
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info
from simcvd.data.training_cases import fold_parts
from simcvd.methods.registry import METHODS
from sweeps.trial.records import TrialStatus
from tests.tiny_trial import THREE_STEPS


def test_unknown_method_is_refused_with_the_known_ones(run, dataset):
    done = run("train", dataset, "--method", "simcdv")
    assert done.exit_code == 2
    assert "There is no method 'simcdv'" in done.output
    assert not Path("runs").exists()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_named(run, dataset, stub_trial, method):
    stub_trial(TrialStatus("t", "finished", steps=7))
    done = run("train", dataset, "--method", method, "--out", "results")
    assert done.exit_code == 0
    assert done.output.startswith(f"{method}, seed 0, ")


def test_finished_trial_ends_with_0(run, dataset, stub_trial):
    stub_trial(TrialStatus("t", "finished", skipped=True, steps=7))
    done = run("train", dataset)
    assert done.exit_code == 0
    assert "Finished before" in done.output


def test_failed_trial_ends_with_1_and_its_reason(run, dataset, stub_trial):
    stub_trial(TrialStatus("t", "failed", kind="nan", message="The term contrast is nan at step 3."))
    done = run("train", dataset)
    assert done.exit_code == 1
    assert "The trial failed (nan): The term contrast is nan at step 3;" in done.output


def test_interrupted_trial_ends_with_130_and_says_how_to_continue(run, dataset, stub_trial):
    stub_trial(
        TrialStatus("t", "interrupted", message="Stopped after step 3 of 9; run the same command again to continue.")
    )
    done = run("train", dataset)
    assert done.exit_code == 130
    assert "run the same command again to continue" in done.output


def test_train_starts_from_the_plan_of_its_data_set_unless_another_preset_is_named(run, dataset, stub_trial, tmp_path):
    stub_trial(TrialStatus("t", "finished", steps=7))
    planned = shutil.copytree(dataset, tmp_path / "planned")
    (planned / "plan.yaml").write_text("training:\n  steps: 77\n")
    for given, steps in (((), 77), (("--preset", "plan"), 77), (("--preset", "phantom"), 120)):
        done = run("train", planned, *given)
        assert done.exit_code == 0, done.output
        assert f"seed 0, {steps} steps on" in done.output
    done = run("train", dataset, "--preset", "plan")
    assert done.exit_code == 2
    assert "no plan.yaml for the preset 'plan'" in done.output
    (planned / "plan.yaml").write_text("training:\n  stps: 77\n")
    done = run("train", planned)
    assert done.exit_code == 2
    assert "line 2, training.stps: unknown setting, did you mean training.steps?" in " ".join(done.output.split())


def test_scores_anew_are_of_the_val_cases_that_the_trial_recorded(run, tmp_path):
    data = tmp_path / "data"
    write_phantom(data, labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    tiny = [f"--set={key}={str(value).replace(' ', '')}" for key, value in THREE_STEPS.items()]
    done = run("train", data, "--device", "cpu", "--threads", 1, *tiny, "--set", "data.fold=[1,2]")
    assert done.exit_code == 0, done.output
    (trial,) = Path("runs", "trials").iterdir()
    shown = [run("evaluate", trial, *given, "--split", "val", "--json") for given in ((), (data, "--device", "cpu"))]
    recorded, anew = ([(row["case_id"], round(row["dice"], 12)) for row in json.loads(each.stdout)] for each in shown)
    assert sorted(recorded) == sorted(anew)
    info = open_info(data)
    assert {case for case, _ in recorded} == {*info.splits.val, *fold_parts(info, DataConfig(), 2)[1]}


def test_val_cases_that_were_trained_on_are_not_scored(run, tmp_path):
    data = tmp_path / "data"
    write_phantom(data, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    tiny = [f"--set={key}={str(value).replace(' ', '')}" for key, value in THREE_STEPS.items()]
    done = run("train", data, "--device", "cpu", "--threads", 1, *tiny, "--set", "data.train_on_val=true")
    assert done.exit_code == 0, done.output
    (trial,) = Path("runs", "trials").iterdir()
    for given in ((), (data, "--device", "cpu")):
        done = run("evaluate", trial, *given, "--split", "val")
        assert done.exit_code == 2
        told = " ".join(done.output.split())
        assert f"There are no val scores of {trial}: its data set has no such cases that it was not trained on" in told
    assert "mean of 1" in run("evaluate", trial, data, "--device", "cpu").output


def test_the_printed_settings_are_those_that_would_be_trained_and_can_be_given_back(run, dataset, stub_trial, tmp_path):
    stub_trial(TrialStatus("t", "finished", steps=7))
    planned = shutil.copytree(dataset, tmp_path / "planned")
    (planned / "plan.yaml").write_text("training:\n  steps: 77\n  learning_rate: 1.0e-05\n")
    asked = ("--set", "loss.sdm=0.3", "--set", "training.weight_decay=0", "--method", "dan", "--seed", "4")
    printed = run("train", planned, *asked, "--print-config")
    assert (printed.exit_code, printed.stderr) == (0, "")
    content = yaml.safe_load(printed.stdout)
    assert (content["training"]["steps"], content["loss"]["sdm"]) == (77, 0.3)
    assert (content["method"], content["seed"]) == ("dan", 4)
    Path("mine.yaml").write_text(printed.stdout)
    assert run("train", planned, "--config", "mine.yaml", "--print-config").stdout == printed.stdout
    assert run("train", planned, "--config", "mine.yaml").stderr == run("train", planned, *asked).stderr  # with the id
    changed = run("train", planned, "--config", "mine.yaml", "--seed", "5", "--print-config").stdout
    assert yaml.safe_load(changed) == content | {"seed": 5}


def test_printing_settings_makes_no_data_and_says_what_is_wrong(run, tmp_path):
    done = run("train", "--print-config", "--set", "network.width=4")
    assert (done.exit_code, done.stderr) == (0, "")
    phantom = load_preset("phantom").model_dump(mode="json")
    assert yaml.safe_load(done.stdout) == phantom | {"network": phantom["network"] | {"width": 4}}
    for wrong, told in (
        (("--method", "dna"), "did you mean dan?"),
        (("--set", "network.width=0"), "network.width is 0"),
    ):
        done = run("train", "--print-config", *wrong)
        assert (done.exit_code, done.stdout) == (2, "")
        assert told in done.stderr
    assert list(tmp_path.iterdir()) == []
