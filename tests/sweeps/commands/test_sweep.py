import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from simcvd.data import phantom
from sweeps.request import Budget
from sweeps.status.trial import TrialState, trial_folder
from tests.sweeps.commands.ending import FAILED, outcome_of, stub_sweep


@pytest.mark.parametrize("place", [[], ["DATASET"]])
@pytest.mark.parametrize(
    ("options", "told"), [(["--workers", "4"], "there is room for 2"), (["--device", "cuda"], "no GPU")]
)
def test_what_can_never_fit_here_leaves_nothing_behind(run, dataset, tmp_path, monkeypatch, place, options, told):
    machine = {"Alive": True, "NodeID": "", "Resources": {"CPU": 2.0}}
    monkeypatch.setattr("sweeps.resources.placement.this_machine", lambda: machine)
    batches = ["--set", "training.batch_labeled=4", "--set", "training.batch_unlabeled=4"]
    done = run("sweep", "dropout", *(dataset for _ in place), *options, *batches)
    assert done.exit_code == 2
    assert told in done.output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("states", "interrupted", "code"),
    [(["finished"], False, 0), (["finished", "failed"], False, 1), (["finished", "interrupted"], True, 130)],
)
def test_sweep_ends_with_the_code_of_its_outcome(run, dataset, monkeypatch, states, interrupted, code):
    stub_sweep(monkeypatch, outcome_of(*(TrialState(state, state) for state in states), interrupted=interrupted))
    assert run("sweep", "dropout", dataset).exit_code == code


def test_dry_run_names_every_trial_and_starts_none(run, dataset):
    done = run("sweep", "dropout", dataset, "--seeds", "2", "--dry-run", "--probe-steps", "0")
    assert done.exit_code == 0
    assert len(re.findall(r"^dropout=\S+ +[01]  run +$", done.output, re.M)) == 14
    assert "7 variants, 14 trials: 14 to run." in " ".join(done.output.split())
    assert not Path("runs").exists()


def test_seed_0_alone_is_swept(run, dataset):
    done = run("sweep", "dropout", dataset, "--seeds", "0", "--dry-run", "--probe-steps", "0")
    assert done.exit_code == 0
    assert "7 variants, 7 trials: 7 to run." in " ".join(done.output.split())
    assert len(re.findall(r"^dropout=\S+ +0  run +$", done.output, re.M)) == 7


def test_the_methods_sweep_takes_a_number_of_labels_and_says_what_keeps_its_own(run, dataset):
    done = run(
        "sweep",
        "methods",
        dataset,
        "--seeds",
        "1",
        "--set",
        "data.labeled=1",
        "--dry-run",
        "--json",
        "--probe-steps",
        "0",
    )
    assert done.exit_code == 0
    kept, crop = done.stderr.splitlines()
    assert kept == "--set data.labeled leaves Supervised (upper bound) as the sweep has it."
    assert crop.startswith("The crop of 32 x 32 x 32 voxels exceeds every training case")  # of 16 x 16 x 16
    found = json.loads(done.stdout)
    assert (found["to_run"], found["rows"], found["predicted"]["seconds"]) == (12, 12, None)
    trial = found["trial_list"][-2]
    assert (trial["variant"], trial["state"], trial["action"]) == ("Chaitanya et al.", "waiting", "run")
    assert re.fullmatch(r"chaitanya-s0-[0-9a-f]{12}", trial["id"])


def test_the_methods_sweep_is_refused_where_every_case_is_labelled(run, dataset):
    done = run("sweep", "methods", dataset, "--set", "data.labeled=2", "--dry-run")
    assert done.exit_code == 2
    assert "are one trial on this data set: both have the same 2 labelled cases" in done.output


def test_sweep_without_dataset_takes_the_phantom_set_and_its_settings(run, monkeypatch):
    made, requests = [], []
    monkeypatch.setattr("simcvd.data.phantom.write_phantom", made.append)
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda request, **_: requests.append(request) or sys.exit(0))
    run("sweep", "dropout", "--out", "results")
    assert made == [Path("results/phantom-data")]
    assert (requests[0].changes.preset, requests[0].changes.seeds) == ("phantom", (0,))


def test_dry_run_without_dataset_leaves_nothing_behind(run, tmp_path, monkeypatch):
    small = partial(phantom.write_phantom, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    monkeypatch.setattr(phantom, "write_phantom", small)
    done = run("sweep", "dropout", "--dry-run", "--probe-steps", "0", "--max-trials", "2")
    assert done.exit_code == 0
    assert "--max-trials 2: 5 of 7 trials wait." in done.stderr
    assert "7 trials: 2 to run, 5 wait." in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_budgets_reach_the_sweep(run, dataset, monkeypatch):
    requests = []
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda request, **_: requests.append(request) or sys.exit(0))
    run("sweep", "dropout", dataset, "--time-budget", "1h30m", "--max-trials", "3", "--gpu-hours", "4.5")
    assert requests[0].budget == Budget(max_trials=3, gpu_hours=4.5, time_s=5400)


def test_what_a_budget_left_out_ends_resumable(run, dataset, monkeypatch):
    stub_sweep(monkeypatch, outcome_of(TrialState("a", "finished"), TrialState("b", "waiting"), left_out=1))
    done = run("sweep", "dropout", dataset)
    assert done.exit_code == 130
    assert done.stderr == "Trials left for another command: 1; run the same command again to continue.\n"


def test_time_budget_that_is_no_time_is_refused(run, dataset):
    done = run("sweep", "dropout", dataset, "--time-budget", "soon")
    assert done.exit_code == 2
    assert "--time-budget is 'soon', expected a time such as 8h" in done.output


@pytest.mark.parametrize(
    ("arguments", "seconds"), [((), 1800), (("--hang-timeout", "2h"), 7200), (("--hang-timeout", "0"), None)]
)
def test_the_time_that_a_trial_may_hang_reaches_the_sweep(run, dataset, monkeypatch, arguments, seconds):
    requests = []
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda request, **_: requests.append(request) or sys.exit(0))
    run("sweep", "dropout", dataset, *arguments)
    assert requests[0].hang_timeout_s == seconds


def test_a_hang_timeout_that_is_no_time_is_refused(run, dataset):
    done = run("sweep", "dropout", dataset, "--hang-timeout", "soon")
    assert done.exit_code == 2
    assert "--hang-timeout is 'soon', expected a time such as 8h" in done.output


def test_a_sweep_ends_with_its_failures_by_kind(run, dataset, monkeypatch):
    log = trial_folder(Path("runs"), "b") / "failure.txt"
    stub_sweep(monkeypatch, outcome_of(TrialState("a", "finished"), FAILED))
    trial_folder(Path("runs"), "b").mkdir(parents=True)
    log.touch()
    done = run("sweep", "dropout", dataset)
    lines = done.stderr.splitlines()
    assert lines[0] == "1 failed, not a number: The loss is nan."
    assert lines[2] == f"  b seed 0: {log}"
    assert lines[-1].endswith("--retry-failed runs the failed ones again.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "DATASET", "--storage", "postgresql://me:s3cret@db/x"], "The password in --storage would be shown"),
        (["search", "DATASET", "--storage", "postgresql:me:s3cret@db/x"], "--storage is no URL of a database"),
        (
            ["dropout", "DATASET", "--out", "s3://me:s3cret@bucket/lab"],
            "A URL of S3 is s3://BUCKET/PREFIX, without",
        ),
        (["dropout", "gs://bucket/la?sig=s3cret"], "A URL of Google Cloud Storage is gs://BUCKET/PREFIX"),
    ],
)
def test_a_password_or_key_on_the_command_line_is_refused_before_ray_records_it(
    run, dataset, tmp_path, monkeypatch, arguments, told
):
    def started(*_, **__):
        raise AssertionError("it was started")

    monkeypatch.setattr("sweeps.session.ray_session", started)
    done = run("sweep", *(dataset if word == "DATASET" else word for word in arguments))
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert "s3cret" not in done.output
    assert not (tmp_path / "runs").exists()
