import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from simcvd.data.phantom import write_phantom
from simcvd.methods.registry import METHODS
from sweeps.runner import SweepOutcome
from sweeps.status.sweep import Planned, Row, SweepState
from sweeps.status.trial import TrialState
from sweeps.trial.records import TrialStatus

COMMANDS = [
    *("prepare", "inspect", "train", "evaluate", "predict", "sweep", "status"),
    *("tables", "figures", "report", "methods", "sweeps", "cluster"),
]


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    write_phantom(folder, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    return folder


@pytest.fixture
def stub_trial(monkeypatch):
    """Let `simcvd train` end in a given way, without training."""

    def stub(end):
        def execute_trial(config, dataset, runs, *, trial_id, **options):
            if isinstance(end, BaseException):
                raise end
            return end

        monkeypatch.setattr("sweeps.trial.execute.execute_trial", execute_trial)

    return stub


def test_importing_the_command_line_imports_nothing_heavy():
    heavy = "{'torch', 'ray', 'pandas', 'pyarrow', 'scipy', 'numpy', 'pydantic', 'yaml'}"
    code = f"import sys, cli; print(*({heavy} & sys.modules.keys()))"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == ""


def test_help_names_every_command_in_order(run):
    done = run("--help")
    assert done.exit_code == 0
    assert re.findall(r"^  ([a-z]+) +[A-Z]", done.output.partition("Commands:")[2], re.M) == COMMANDS


def test_every_command_has_help(run):
    for command in [*COMMANDS, "prepare la", "prepare nifti", "cluster up", "cluster down"]:
        done = run(*command.split(), "--help")
        assert done.exit_code == 0, command
        assert "--help" in done.output


def test_version_is_the_packages(run):
    assert re.fullmatch(r"simcvd \d+\.\d+\.\d+\n", run("--version").output)


def test_methods_lists_every_method_with_its_paper_in_80_columns(run):
    done = run("methods")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(METHODS)
    for entry, first, second in zip(METHODS.values(), lines[::2], lines[1::2], strict=True):
        assert first.endswith(f"  {entry.summary}")
        assert second.split("  ")[-1] == f"{entry.paper}, doi {entry.doi}"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.output


def test_sweeps_lists_what_is_built_in_in_80_columns(run):
    done = run("sweeps")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [re.match(r"(\w+) +\S", line)[1] for line in lines] == [
        *("augmentations", "components", "dropout", "losses", "methods", "paper", "pooling", "search")
    ]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--set", "projection.droput=0.2"], "projection.dropout"),
        (["train", "--set", "projection.dropout=2"], "projection.dropout is 2"),
        (["train", "--set", "projection.dropout"], "expected key=value"),
        (["train", "--preset", "phantm"], "phantom"),
        (["train", "--config", "nowhere.yaml"], "nowhere.yaml can't be read"),
        (["train", "--config", "a.yaml", "--preset", "la"], "drop one"),
        (["train", "nowhere"], "There is no data set in nowhere"),
        (["sweep", "drop-out"], "did you mean dropout?"),
        (["sweep", "nowhere.yaml"], "nowhere.yaml can't be read"),
        (["sweep", "dropout", "--preset", "phantm"], "phantom"),
        (["sweep", "dropout", "--set", "loss.contrst=1"], "loss.contrast"),
        (["sweep", "dropout", "--set", "projection.dropout=0.3"], "varied by the sweep"),
        (["sweep", "methods", "--set", "method=dan"], "method is varied by the sweep"),
        (["sweep", "methods", "--set", "data.labeled=all"], "are one trial; drop one, or change what is set for all"),
        (["sweep", "methods", "--set", "data.labeled=most"], "data.labeled is 'most'"),
        (["sweep", "dropout", "--set", "method=simcdv"], "did you mean simcvd?"),
        (["train", "--method", "ua-mt"], "did you mean ua_mt?"),
        (["train", "--method", "nonsense"], "methods are simcvd, supervised, mean_teacher"),
        (["sweep", "dropout", "--seeds", "many"], "--seeds is 'many'"),
        (["sweep", "dropout", "--gpus-per-worker", "1.5"], "--gpus-per-worker is 1.5"),
        (["sweep", "dropout", "nowhere"], "nowhere: expected a folder made by `simcvd prepare`"),
        (["inspect", "nowhere"], "There is no data set in nowhere"),
        (["evaluate", "nowhere"], "There is no trial in nowhere"),
        (["predict", "nowhere", "a.nii", "--out", "masks"], "nowhere"),
        (["prepare", "la", "nowhere", "data"], "nowhere"),
        (["prepare", "nifti", "nowhere", "data"], "nowhere"),
        (["status"], "There are no runs in runs"),
        (["tables", "dropout"], "There is no sweep 'dropout' in runs"),
    ],
)
def test_what_the_user_must_change_is_one_sentence_and_exit_code_2(run, tmp_path, arguments, told):
    done = run(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: .+\n", done.output), "one line"
    assert told in done.output
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


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
    ("arguments", "told"),
    [
        (["sweep", "dropout", "--cluster", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["sweep", "dropout", "--down-when-done"], "--down-when-done is for --cluster"),
        (["sweep", "dropout", "--cluster", "c.yaml", "--dry-run"], "--dry-run is for the machine that it is given on"),
        (["sweep", "dropout", "--cluster", "c.yaml", "--address", "a:1"], "--address is for the machine that it is"),
        (["sweep", "nothing", "--cluster", "c.yaml"], "There is no built-in sweep 'nothing'"),
        (["cluster", "up", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["cluster", "status", "c.yaml"], "unknown key, did you mean provider?"),
        (["cluster", "down", "c.yaml"], "c.yaml is wrong: line 1, provder"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_told_before_any_host_is_asked(run, arguments, told):
    Path("c.yaml").write_text("provder: {type: local}\ncluster_name: c\n")
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert not Path("runs").exists()


def test_unknown_method_is_refused_with_the_known_ones(run, dataset):
    done = run("train", dataset, "--method", "simcdv")
    assert done.exit_code == 2
    assert "There is no method 'simcdv'" in done.output
    assert not Path("runs").exists()


def test_folder_that_is_no_folder_is_one_sentence(run, dataset, stub_trial):
    stub_trial(NotADirectoryError(20, "Not a directory", "runs/trials"))
    done = run("train", dataset)
    assert done.exit_code == 2
    assert done.output.endswith("Error: runs/trials can't be written or read: Not a directory.\n")


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


def test_second_ctrl_c_ends_with_130(run, dataset, stub_trial):
    stub_trial(KeyboardInterrupt())
    done = run("train", dataset)
    assert done.exit_code == 130
    assert "run the same command again to continue" in done.output


@pytest.mark.parametrize(
    ("states", "interrupted", "code"),
    [(["finished"], False, 0), (["finished", "failed"], False, 1), (["finished", "interrupted"], True, 130)],
)
def test_sweep_ends_with_the_code_of_its_outcome(run, dataset, monkeypatch, states, interrupted, code):
    rows = tuple(Row(Planned(state, state, 0), TrialState(state, state)) for state in states)
    outcome = SweepOutcome("dropout", SweepState("dropout", rows), len(rows), interrupted, 1.0)
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda *arguments, **options: outcome)
    assert run("sweep", "dropout", dataset).exit_code == code


def test_dry_run_names_every_trial_and_starts_none(run, dataset):
    done = run("sweep", "dropout", dataset, "--seeds", "2", "--dry-run", "--probe-steps", "0")
    assert done.exit_code == 0
    assert len(re.findall(r"^dropout=\S+ +[01]  run +$", done.output, re.M)) == 14
    assert "7 variants, 14 trials: 14 to run." in " ".join(done.output.split())
    assert not Path("runs").exists()


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
    assert done.stderr == "--set data.labeled leaves Supervised (upper bound) as the sweep has it.\n"
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
    made, options = [], []
    monkeypatch.setattr("simcvd.data.phantom.write_phantom", made.append)
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda *_, **given: options.append(given) or sys.exit(0))
    run("sweep", "dropout", "--out", "results")
    assert made == [Path("results/phantom-data")]
    assert (options[0]["preset"], options[0]["seeds"]) == ("phantom", (0,))


def test_inspect_tells_that_a_data_set_is_sound_and_2_if_not(run, dataset):
    assert run("inspect", dataset).output.endswith("sound\n")
    next((dataset / "cases").glob("*.h5")).unlink()
    done = run("inspect", dataset)
    assert done.exit_code == 2
    assert "PROBLEM" in done.output


def test_dry_run_without_dataset_leaves_nothing_behind(run, tmp_path):
    done = run("sweep", "dropout", "--dry-run", "--probe-steps", "0", "--max-trials", "2")
    assert done.exit_code == 0
    assert "--max-trials 2: 5 of 7 trials wait." in done.stderr
    assert "7 trials: 2 to run, 5 wait." in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_budgets_reach_the_sweep(run, dataset, monkeypatch):
    given = {}
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda *_, **options: given.update(options) or sys.exit(0))
    run("sweep", "dropout", dataset, "--time-budget", "1h30m", "--max-trials", "3", "--gpu-hours", "4.5")
    assert given["time_budget_s"] == 5400
    assert (given["budget"].max_trials, given["budget"].gpu_hours) == (3, 4.5)


def test_what_a_budget_left_out_ends_resumable(run, dataset, monkeypatch):
    rows = tuple(Row(Planned(state, state, 0), TrialState(state, state)) for state in ("finished", "waiting"))
    outcome = SweepOutcome("dropout", SweepState("dropout", rows), 1, False, 1.0, left_out=1)
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda *arguments, **options: outcome)
    done = run("sweep", "dropout", dataset)
    assert done.exit_code == 130
    assert done.output == "Trials left for another command: 1; run the same command again to continue.\n"


def test_time_budget_that_is_no_time_is_refused(run, dataset):
    done = run("sweep", "dropout", dataset, "--time-budget", "soon")
    assert done.exit_code == 2
    assert "--time-budget is 'soon', expected a time such as 8h" in done.output


@pytest.mark.parametrize(
    ("arguments", "seconds"), [((), 1800), (("--hang-timeout", "2h"), 7200), (("--hang-timeout", "0"), None)]
)
def test_the_time_that_a_trial_may_hang_reaches_the_sweep(run, dataset, monkeypatch, arguments, seconds):
    given = {}
    monkeypatch.setattr("sweeps.runner.run_sweep", lambda *_, **options: given.update(options) or sys.exit(0))
    run("sweep", "dropout", dataset, *arguments)
    assert given["hang_timeout_s"] == seconds


def test_a_hang_timeout_that_is_no_time_is_refused(run, dataset):
    done = run("sweep", "dropout", dataset, "--hang-timeout", "soon")
    assert done.exit_code == 2
    assert "--hang-timeout is 'soon', expected a time such as 8h" in done.output
