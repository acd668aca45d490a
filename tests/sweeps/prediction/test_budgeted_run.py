import io

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.prediction.budget import Budget
from sweeps.resources.request import ResourceRequest
from sweeps.runner import run_sweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def _run(dataset, runs, engine, **budget):
    axes = {"name": "mine", "axes": {"loss.sdm": [0.0, 0.1, 0.2]}, "base": {"training.steps": 2}}
    console = Console(file=io.StringIO(), width=100)
    outcome = run_sweep(
        SweepFile.model_validate(axes),
        dataset,
        runs,
        request=ResourceRequest(device="cpu"),
        budget=Budget(**budget),
        engine=engine,
        console=console,
    )
    return outcome, console.file.getvalue()


def test_hours_of_gpu_are_refused_on_the_cpu_before_anything_is_written(dataset, tmp_path, make_engine):
    with pytest.raises(UserError, match="--gpu-hours is 2, but trials run on the CPU"):
        _run(dataset, tmp_path, make_engine(), gpu_hours=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
def test_a_number_of_trials_is_run_now_and_the_rest_by_the_next_command(dataset, tmp_path, make_engine):
    from sweeps.resources.ray_session import ray_session

    with ray_session(None):
        outcome, text = _run(dataset, tmp_path, make_engine(), max_trials=2)
        assert "--max-trials 2: 1 of 3 trials wait." in text
        assert (outcome.ran, outcome.left_out, outcome.interrupted, outcome.exit_code) == (2, 1, False, 130)
        assert outcome.state.counts == {"finished": 2, "waiting": 1}
        outcome, _ = _run(dataset, tmp_path, make_engine(), max_trials=2)
        assert (outcome.ran, outcome.left_out, outcome.exit_code) == (1, 0, 0)
