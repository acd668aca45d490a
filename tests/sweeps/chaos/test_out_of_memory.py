"""Ray's memory monitor ends the processes of trials before they have told Ray anything."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from sweeps.definition.catalogue import SweepFile
from sweeps.runner import run_sweep
from sweeps.status.failures import failure_lines
from sweeps.trial.engine import Engine
from tests.asked import asked

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_every_trial_ends_with_a_state_and_a_reason(
    dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    ray.shutdown()  # other tests may have left theirs open
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.001")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    # Its own process would be ended too, and the command with it.
    found = SimpleNamespace(notices=(), precision="float32", newcomers=None)
    monkeypatch.setattr("sweeps.session.preflight", lambda *_: found)
    sweep = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0.0, 0.1]}, "seeds": [0]})
    out = io.StringIO()
    outcome = run_sweep(asked(sweep, dataset, tmp_path), console=Console(file=out, width=100), engine=make_engine())
    assert [row.trial.failure_kind for row in outcome.state.rows] == ["out_of_memory"] * 2, out.getvalue()
    assert outcome.exit_code == 1
    told = failure_lines(tmp_path, outcome.state.rows)[0]
    assert told.startswith("2 failed, out of memory: The process of this trial ended 3 times without a result")
    assert "killed due to the node running low on memory" in told
