import os
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.commands.options import assignments, hide_unused_gpus, phantom
from sweeps.tuning.run import TuneOutcome
from tests.sweeps.commands.ending import outcome_of


def test_settings_are_read_by_key_and_the_last_of_a_key_counts() -> None:
    assert assignments(None) == {}
    given = ["loss.sdm=0.5", "method=dan", "data.crop_vox=32x32x32", "loss.sdm=1"]
    assert assignments(given) == {"loss.sdm": 1, "method": "dan", "data.crop_vox": [32, 32, 32]}
    with pytest.raises(UserError, match="expected key=value"):
        assignments(["loss.sdm"])


@pytest.mark.parametrize(("device", "seen"), [("cpu", ""), ("auto", "0,1"), ("cuda", "0,1")])
def test_gpus_are_hidden_from_a_command_on_the_cpu(monkeypatch: pytest.MonkeyPatch, device: str, seen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert hide_unused_gpus(device) == device
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_that_the_phantom_set_is_made_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("simcvd.data.phantom.write_phantom", lambda folder: folder.mkdir(exist_ok=True))
    assert phantom(tmp_path) == tmp_path / "phantom-data"
    assert "making the built-in phantom set" in capsys.readouterr().err
    phantom(tmp_path)
    assert capsys.readouterr().err == ""


@pytest.fixture
def installed(monkeypatch):
    """Let libraries be there, or not."""

    def only(*names):
        monkeypatch.setattr("sweeps.tracking.kinds.find_spec", lambda name: object() if name in names else None)

    return only


@pytest.fixture
def asked(monkeypatch):
    """Keep the requests of sweeps and tunings that would run."""
    found = []

    def run_sweep(request, **others):
        found.append(request)
        return outcome_of()

    def run_tune(request, **others):
        found.append(request.base)
        return TuneOutcome((), None, 0, 1.0)

    monkeypatch.setattr("sweeps.runner.run_sweep", run_sweep)
    monkeypatch.setattr("sweeps.search.run.run_search", run_sweep)
    monkeypatch.setattr("sweeps.tuning.run.run_tune", run_tune)
    return found


@pytest.mark.parametrize("command", [["sweep", "dropout"], ["sweep", "search"], ["tune"]])
def test_each_tracker_is_asked_for_once(run, dataset, installed, asked, command):
    installed("wandb", "mlflow")
    done = run(*command, dataset, "--log", "wandb", "--log", "mlflow", "--log", "wandb")
    assert done.exit_code == 0, done.output
    assert [request.trackers for request in asked] == [("wandb", "mlflow")]
    assert run(*command, dataset).exit_code == 0
    assert asked[-1].trackers == ()


@pytest.mark.parametrize("command", [["sweep", "dropout"], ["sweep", "search"], ["tune"]])
@pytest.mark.parametrize("given", [[], ["DATASET"], ["DATASET", "--dry-run"]])
def test_a_missing_library_is_one_sentence_before_anything_starts(run, dataset, installed, command, given):
    installed("wandb")
    given = [dataset if word == "DATASET" else word for word in given]
    done = run(*command, *given, "--log", "wandb", "--log", "mlflow")
    assert done.exit_code == 2
    assert done.output == (
        "Error: --log mlflow needs the library mlflow, which is not installed here; pip install 'simcvd[mlflow]', or "
        "drop it.\n"
    )
    assert not Path("runs").exists()


def test_runs_in_an_object_store_are_refused(run, dataset, installed):
    installed("wandb")
    done = run("sweep", "dropout", dataset, "--out", "s3://bucket/runs", "--log", "wandb")
    assert done.exit_code == 2
    assert done.output == (
        "Error: --log wandb needs a runs folder, but --out is s3://bucket/runs; choose a folder, or drop --log.\n"
    )


def test_with_a_cluster_it_is_for_the_head_to_have_the_library(run, dataset, installed, monkeypatch):
    installed()
    wanted = []

    def sweep_on_cluster(sweep, console):
        wanted.append(sweep)
        raise KeyboardInterrupt

    monkeypatch.setattr("sweeps.cluster.remote.run.sweep_on_cluster", sweep_on_cluster)
    cluster = type("Cluster", (), {"path": Path("c.yaml")})
    monkeypatch.setattr("sweeps.cluster.cluster_file.load_cluster", lambda path: cluster)
    run("sweep", "dropout", dataset, "--cluster", "c.yaml", "--log", "wandb", "--log", "mlflow")
    assert wanted[0].options == ["--log=wandb", "--log=mlflow"]
