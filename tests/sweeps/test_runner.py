import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.runs.average_mask import read_average_mask
from simcvd.data.store import open_info as read_info
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.resources.request import ResourceRequest
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.status.lock import trial_lock
from sweeps.trial.engine import Engine
from tests.asked import asked

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

MakeEngine = Callable[..., Engine]
Run = Callable[..., tuple[SweepOutcome, str]]


def _sweep(values: list[float], key: str = "loss.sdm", steps: int = 5, **content: Any) -> SweepFile:
    name = key.rsplit(".", 1)[-1]
    base = {"base": {"training.steps": steps}, "reference": f"{name}={values[0]}"}
    return SweepFile.model_validate({"name": "mine", "axes": {key: values}} | base | content)


def _steps(runs: Path) -> dict[str, list[int]]:
    """Steps that each trial computed, over all sessions."""
    files = (runs / "trials").glob("*/steps.txt")
    return {path.parent.name: [int(line) for line in path.read_text().split()] for path in files}


@pytest.fixture
def run(dataset: Path, tmp_path: Path, make_engine: MakeEngine) -> Run:
    def call(
        sweep: SweepFile, *, step_s: float = 0.0, runs: Path = tmp_path, **options: Any
    ) -> tuple[SweepOutcome, str]:
        out = io.StringIO()
        console = Console(file=out, width=100)
        outcome = run_sweep(asked(sweep, dataset, runs, **options), console=console, engine=make_engine(step_s))
        return outcome, out.getvalue()

    return call


def test_a_sweep_that_another_command_runs_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sweeps.storage.shared_folder.trial_lock", lambda folder, wait_s: trial_lock(folder, wait_s=0.1)
    )
    with (
        trial_lock(tmp_path / "sweeps" / "mine"),
        pytest.raises(UserError, match="mine is being run by another command"),
    ):
        run(_sweep([0.0, 0.1]))


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_sweep_runs_records_failures_and_skips_all_of_it_the_second_time(run: Run, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1, 9.0, 7.0])
    outcome, text = run(sweep)
    assert [row.trial.state for row in outcome.state.rows] == ["finished", "finished", "failed", "failed"]
    assert (outcome.ran, outcome.exit_code, outcome.interrupted) == (4, 1, False)
    assert "sdm=9.0 seed 0: failed (nan): The loss term sdm is nan at step 3." in text
    tables = tmp_path / "sweeps" / "mine" / "tables"
    assert "sdm=0.1" in (tables / "table.md").read_text()
    assert "sdm=0.1" in (tables / "table.csv").read_text()
    assert not (tmp_path / "sweeps" / "mine" / "ray").exists()
    computed = _steps(tmp_path)

    outcome, text = run(sweep)
    assert (outcome.ran, outcome.exit_code) == (0, 1)
    assert _steps(tmp_path) == computed

    outcome, _ = run(sweep, retry_failed=True)
    assert (outcome.ran, outcome.exit_code) == (2, 1)
    again = _steps(tmp_path)
    assert {len(again[trial]) - len(computed[trial]) for trial in computed if "s0" in trial} == {0, 2}


def test_hours_of_gpu_are_refused_on_the_cpu_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--gpu-hours is 2, but trials run on the CPU"):
        run(_sweep([0.0, 0.1, 0.2]), resources=ResourceRequest(device="cpu"), gpu_hours=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_number_of_trials_is_run_now_and_the_rest_by_the_next_command(run: Run) -> None:
    sweep, resources = _sweep([0.0, 0.1, 0.2], steps=2), ResourceRequest(device="cpu")
    outcome, text = run(sweep, resources=resources, max_trials=2)
    assert "--max-trials 2: 1 of 3 trials wait." in text
    assert (outcome.ran, outcome.left_out, outcome.interrupted, outcome.exit_code) == (2, 1, False, 130)
    assert outcome.state.counts == {"finished": 2, "waiting": 1}
    outcome, _ = run(sweep, resources=resources, max_trials=2)
    assert (outcome.ran, outcome.left_out, outcome.exit_code) == (1, 0, 0)


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_sweep_ends_with_a_verdict_and_has_all_metrics_in_one_table(run: Run, dataset: Path, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1], also=["jaccard", "hd95_vox"])
    outcome, text = run(sweep, overrides={"training.steps": 4})
    assert outcome.exit_code == 0
    folder = tmp_path / "sweeps" / "mine"
    verdict = json.loads((folder / "tables" / "verdict.json").read_text())
    assert verdict["sentence"] in " ".join(text.split())
    assert text.rstrip().endswith(f"simcvd report {folder}")
    assert "Trials: 2 of 2 finished, 0 failed, 0 open;" in text
    overview = (folder / "tables" / "overview.md").read_text()
    assert "where a variant does not set it itself: training.steps=4." in overview
    assert "mine: Dice, Jaccard and HD95 on test cases of boxes, reference sdm=0.0" in overview
    stems = ("overview", "table", "table-hd95_vox", "table-jaccard")
    expected = {f"{stem}.{kind}" for stem in stems for kind in ("md", "csv")} | {"verdict.md", "verdict.json"}
    assert {file.name for file in (folder / "tables").iterdir()} == expected
    average = read_average_mask(tmp_path, "mine")
    assert average is not None
    assert average.dice.keys() == set(read_info(dataset).splits.test)


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_time_budget_ends_resumable(run: Run, tmp_path: Path) -> None:
    sweep = _sweep([0.0, 0.1, 0.2, 0.3], steps=40)
    outcome, _ = run(sweep, step_s=0.5, time_s=8)
    assert (outcome.exit_code, outcome.interrupted) == (130, True)
    counts = outcome.state.counts
    assert counts["finished"] == counts["failed"] == 0
    outcome, _ = run(sweep)
    assert outcome.exit_code == 0
    assert all(steps == list(range(1, 41)) for steps in _steps(tmp_path).values())


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_what_can_never_fit_is_refused_before_anything_starts(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is room for"):
        run(_sweep([0.0, 0.1]), resources=ResourceRequest(cpus_per_worker=10_000))
    assert not (tmp_path / "trials").exists()


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_two_workers_share_a_trial_and_one_of_them_writes(run: Run, tmp_path: Path) -> None:
    outcome, _ = run(_sweep([0.0]), resources=ResourceRequest(workers=2))
    assert outcome.exit_code == 0
    assert sorted(next(iter(_steps(tmp_path).values()))) == sorted([*range(1, 6), *range(1, 6)])  # both trained
    assert len(list((tmp_path / "results" / "trials").iterdir())) == 1
