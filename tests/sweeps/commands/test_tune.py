"""`simcvd tune` at the command line: mistakes end in a sentence, and a look leaves nothing."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simcvd.data.phantom import write_phantom
from sweeps.tuning.run import TuneOutcome

Run = Callable[..., Any]


_small = partial(write_phantom, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "phantom"
    _small(folder)
    return folder


@pytest.fixture(autouse=True)
def _built_in_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcvd.data.phantom.write_phantom", _small)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep the requests that would be run."""
    found: list[Any] = []

    def run_tune(request: Any, **others: Any) -> TuneOutcome:
        found.append(request)
        return TuneOutcome(("The gain holds.", "The model is there."), Path("model"), 0, 1.0)

    monkeypatch.setattr("sweeps.tuning.run.run_tune", run_tune)
    return found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--methods", "nnunet"], "There is no method 'nnunet'"),
        (["--methods", ","], "--methods names no method"),
        (["--skip", "plan"], "--skip plan is no stage; stages are baseline, search, confirm, final."),
        (["--time-budget", "soon"], "--time-budget is 'soon', expected a time"),
        (["--start", "missing.yaml"], "missing.yaml"),
        (["--set", "training.stepz=3"], "training.steps"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    run: Run,
    phantom: Path,
    tmp_path: Path,
    options: list[str],
    told: str,
) -> None:
    done = run("tune", str(phantom), "--out", str(tmp_path / "runs"), *options)
    assert done.exit_code == 2
    assert told in done.output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [["--set", "training.stepz=3"], ["--start", "missing.yaml"], ["--name", "a/b"]])
def test_a_mistake_is_told_before_the_built_in_set_is_made(run: Run, tmp_path: Path, options: list[str]) -> None:
    done = run("tune", "--out", str(tmp_path / "runs"), *options)
    assert done.exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_what_is_asked_becomes_one_request(run: Run, phantom: Path, tmp_path: Path, asked: list[Any]) -> None:
    done = run(
        *("tune", str(phantom), "--out", str(tmp_path), "--time-budget", "1h", "--methods", "simcvd,dtc"),
        *("--also", "training.learning_rate,method", "--folds", "3", "--trials", "9", "--seeds", "2"),
        *("--sampler", "gp", "--skip", "final,search", "--set", "loss.sdm=0.2"),
    )
    assert done.exit_code == 0, done.output
    (request,) = asked
    assert (request.name, request.base.dataset, request.base.budget.time_s) == ("tune-phantom", phantom, 3600)
    assert (request.methods, request.also) == (("simcvd", "dtc"), ("training.learning_rate", "method"))
    assert (request.folds, request.trials, request.seeds, request.sampler) == (3, 9, 2, "gp")
    assert request.skip == {"final", "search"}
    assert request.base.changes.overrides == {"loss.sdm": 0.2}
    assert done.stdout.endswith("\nThe gain holds.\nThe model is there.\n")


def test_without_data_the_phantom_is_tuned_in_eight_minutes(run: Run, tmp_path: Path, asked: list[Any]) -> None:
    done = run("tune", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    (request,) = asked
    assert (request.base.budget.time_s, request.base.changes.preset) == (480, "phantom")
    assert (request.base.dataset / "dataset.json").is_file()


def test_a_look_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeps.tuning.opened import Opened
    from sweeps.tuning.record import TuneRecord
    from tests.sweeps.tuning.test_record import RECORD

    def forecast(self: Opened, identity: str, progress: Any) -> TuneRecord:
        return RECORD

    monkeypatch.setattr(Opened, "forecast", forecast)
    done = run("tune", "--out", str(tmp_path / "runs"), "--dry-run")
    assert done.exit_code == 0, done.output
    assert "5 folds of the labelled cases and the val cases choose." in done.stdout
    assert "baseline: up to 10 trainings, about 1 min 00 s" in done.stdout
    assert not (tmp_path / "runs").exists()
