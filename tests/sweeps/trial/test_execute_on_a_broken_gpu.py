"""What `execute_trial` makes of an error that breaks the GPU: `simcvd train` records it, a sweep's process ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analysis.runs.records import read_trials
from simcvd.config import apply_settings, load_preset, trial_id
from simcvd.data.store import open_info
from sweeps.status.trial import trial_folder
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.records import TrialStatus
from sweeps.trial.terms import Terms

ERROR = (
    "CUDA error: an illegal memory access was encountered\nCompile with `TORCH_USE_CUDA_DSA` to enable assertions.\n"
)


@pytest.fixture
def execute(dataset: Path, tmp_path: Path) -> Callable[..., TrialStatus]:
    def run(engine: Engine, command: str | None = None, **terms: Any) -> TrialStatus:
        config = apply_settings(load_preset("phantom"), {"training.steps": 5})
        identity = trial_id(config, open_info(dataset).digest)
        given = Terms(engine=engine, **terms)
        return execute_trial(config, dataset, tmp_path, trial_id=identity, terms=given, command=command)

    return run


def _failing(engine: Engine, text: str, *, before: int = 0) -> Engine:
    """Return an engine that fails once it has trained `before` steps, or at once."""

    def train(config: Any, dataset: Path, trial_dir: Path, *, should_stop: Any, **others: Any) -> Any:
        done = 0

        def stop() -> bool:
            nonlocal done
            done += 1
            if done == before:
                raise RuntimeError(text)
            return False

        if not before:
            raise RuntimeError(text)
        return engine.train(config, dataset, trial_dir, should_stop=stop, **others)

    return Engine(train, engine.evaluate)


def test_it_is_recorded_as_the_trial_s_failure_in_a_sentence_and_its_traceback_is_kept(
    execute: Callable[..., TrialStatus], make_engine: Callable[[], Engine], tmp_path: Path
) -> None:
    status = execute(_failing(make_engine(), ERROR))
    assert (status.state, status.kind) == ("failed", "gpu_error")
    message = str(status.message)
    assert message.startswith("The GPU of node ")
    assert message.endswith(" failed: an illegal memory access was encountered.")
    row = read_trials(tmp_path).iloc[0]
    assert (row["status"], row["failure_kind"], row["failure_message"]) == ("failed", "gpu_error", message)
    log = (trial_folder(tmp_path, status.trial_id) / "failure.txt").read_text()
    assert "RuntimeError: CUDA error: an illegal memory access was encountered" in log
    assert "in train" in log


def test_tried_again_it_goes_on_from_its_checkpoint(
    execute: Callable[..., TrialStatus], make_engine: Callable[[], Engine], tmp_path: Path
) -> None:
    failed = execute(_failing(make_engine(), ERROR, before=3))
    assert (failed.kind, failed.steps) == ("gpu_error", 3)
    assert execute(make_engine()).skipped
    status = execute(make_engine(), retry_failed=True)
    assert (status.state, status.steps) == ("finished", 5)
    assert (trial_folder(tmp_path, status.trial_id) / "steps.txt").read_text().split() == ["1", "2", "3", "4", "5"]


def test_where_the_process_is_to_end_nothing_is_recorded(
    execute: Callable[..., TrialStatus], make_engine: Callable[[], Engine], tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="illegal memory access"):
        execute(_failing(make_engine(), ERROR), command="a sweep's")
    assert read_trials(tmp_path).empty
    assert not list((tmp_path / "trials").glob("*/failure.txt"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA error: out of memory", "out_of_memory"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "out_of_memory"),
        ("CUDA error: invalid argument", "RuntimeError"),
    ],
)
def test_what_leaves_the_process_usable_is_recorded_in_a_sweep_too(
    execute: Callable[..., TrialStatus], make_engine: Callable[[], Engine], text: str, kind: str
) -> None:
    status = execute(_failing(make_engine(), text), command="a sweep's")
    assert (status.state, status.kind) == ("failed", kind)


def test_simcvd_train_ends_with_one_sentence_and_exit_code_1(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cli

    def train(*_: Any, **__: Any) -> None:
        raise RuntimeError(ERROR)

    monkeypatch.setattr("simcvd.training.run.run_training", train)
    monkeypatch.setattr("sweeps.commands.options.hide_gpus", lambda: None)  # from this process, which goes on
    result = CliRunner().invoke(cli.app, ["train", str(dataset), "--out", str(tmp_path), "--device", "cpu"])
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("The trial failed (gpu_error): The GPU of node ")
    assert f"failed: an illegal memory access was encountered; more in {tmp_path}" in last
    assert read_trials(tmp_path)["failure_kind"].tolist() == ["gpu_error"]
