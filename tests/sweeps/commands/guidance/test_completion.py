from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from simcvd.config import dotted_keys
from simcvd.methods.registry import METHODS
from sweeps.definition.catalogue import sweep_names


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """Return what Tab offers after `simcvd WORDS`, the last of which is incomplete."""
    monkeypatch.chdir(tmp_path)

    def offered(*words: str) -> list[str]:
        environment = {
            "_SIMCVD_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["simcvd", *words]),
            "COMP_CWORD": str(len(words)),
        }
        done = CliRunner().invoke(cli.app, [], prog_name="simcvd", env=environment)
        return done.output.split()

    return offered


def test_commands_and_options_are_completed(complete):
    assert complete("swe") == ["sweep", "sweeps"]
    assert complete("sweep", "dropout", "--pre") == ["--preset", "--preflight"]


def test_sweeps_are_completed_with_the_files_of_this_folder(complete):
    assert complete("sweep", "") == complete("sweeps", "") == sweep_names()
    Path("mine.yaml").touch()
    assert complete("sweep", "m") == ["methods", "methods-2026", "methods-published", "mine.yaml"]


def test_methods_are_completed(complete):
    assert complete("train", "--method", "") == list(METHODS)
    assert complete("tune", "--methods", "ua_mt,d") == ["ua_mt,dan", "ua_mt,dtc"]


def test_settings_presets_and_devices_are_completed(complete):
    assert complete("train", "--set", "projection.d") == ["projection.dropout="]
    assert complete("settings", "") == list(dotted_keys())
    assert complete("sweep", "dropout", "--preset", "p") == ["pancreas", "phantom", "plan"]
    assert complete("sweep", "dropout", "--device", "c") == ["cpu", "cuda"]


def test_sweeps_of_the_runs_folder_are_completed(complete):
    for runs, name in (("runs", "dropout"), ("elsewhere", "methods")):
        (Path(runs) / "sweeps" / name).mkdir(parents=True)
        (Path(runs) / "sweeps" / name / "sweep.yaml").touch()
    for command in ("tables", "figures", "report"):
        assert complete(command, "") == ["dropout"]
    assert complete("tables", "--out", "elsewhere", "") == ["methods"]


def test_completion_can_be_installed(run):
    assert "--install-completion" in run("--help").output
