import shutil
from pathlib import Path

import pytest
import yaml

from simcvd.config import load_preset
from simcvd.config.settings import TrainingConfig
from simcvd.data.phantom import write_phantom
from simcvd.methods.registry import METHODS
from sweeps.commands.train import TrainingProgress
from sweeps.status.trial import TrialState
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
    assert f"\n{method}, seed 0, " in done.output


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


class _Line:
    """Notes what is shown."""

    def __init__(self):
        self.shown = []

    def __call__(self, done, total):
        self.shown.append(done)

    def doing(self, activity, done=0):
        self.shown.append(f"{done} {activity}")

    def say_once(self, sentence):
        self.shown.append(sentence)


def _progress(before=None, *, continues=False, **training):
    line = _Line()
    training = TrainingConfig(steps=8, log_every_steps=4, gradient_norms_every_steps=None, **training)
    return line, TrainingProgress(line, training, before or TrialState("t", "waiting"), continues=continues)


def test_steps_are_counted_between_reports_and_scoring_counts_none():
    line, progress = _progress(validate_every_steps=6)
    progress.begun()
    for step in range(1, 9):
        progress.asked()
        if step == 6:
            for _ in range(3):  # of the cases that are scored
                progress.asked()
            progress.report({"step": 6, "val": {"student_dice": 0.4123, "teacher_dice": 0.9}})
        if step in {4, 8}:
            progress.report({"step": step})
    progress.asked()
    progress.report({"step": 8, "val": {"student_dice": 0.5}})
    progress.asked()
    assert line.shown == [
        *("0 building the network", 1, 2, 3, 4, 4, 5, 6),
        *(6, "Step 6 of 8: val Dice 41.2 %", 7, 8, 8, "8 scoring the val cases"),
        *(8, "Step 8 of 8: val Dice 50.0 %", "8 scoring the test cases"),
    ]


def test_a_training_that_goes_on_is_counted_from_its_first_report():
    line, progress = _progress(TrialState("t", "interrupted", 3, 8), continues=True)
    progress.begun()
    progress.asked()
    progress.asked()
    progress.report({"step": 4})
    progress.asked()
    assert line.shown == ["3 reading the checkpoint", "3 going on", 4, 5]


def test_a_trained_trial_that_lacks_its_test_scores_makes_no_steps():
    line, progress = _progress(TrialState("t", "validated", 8, 8))
    progress.begun()
    progress.asked()
    assert line.shown == ["8 scoring the test cases"]


def test_training_shows_its_number_of_steps_and_what_it_does_from_the_first_line_on(run, tmp_path):
    data = tmp_path / "data"
    write_phantom(data, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    tiny = [f"--set={key}={str(value).replace(' ', '')}" for key, value in THREE_STEPS.items()]
    done = run("train", data, "--device", "cpu", "--threads", 1, *tiny)
    assert done.exit_code == 0, done.output
    told = done.stderr.splitlines()
    assert told[:2] == ["training: 0 of 3 steps, loading PyTorch", "training: 0 of 3 steps, reading the data set"]
    assert told[2].startswith("supervised, seed 0, 3 steps on phantom: runs/trials/supervised-s0-")
    assert told[3] == "training: 0 of 3 steps, building the network"
    assert "training: 3 of 3 steps, scoring the val cases" in told
    assert any(line.startswith("Step 3 of 3: val Dice ") and line.endswith(" %") for line in told)
    assert told[-1] == "training: 3 of 3 steps, scoring the test cases"
    assert ", 3 steps, test Dice " in done.stdout
    assert done.stdout.endswith(" %\n")
