"""A machine joins the cluster while a sweep runs."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray of a head that runs one trial."""
    from ray.cluster_utils import Cluster

    from sweeps.ray_session import ray_environment

    with ray_environment():
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        yield cluster
        cluster.shutdown()


def test_trials_run_on_a_node_that_joins_later(
    start: Callable[..., subprocess.Popen[str]],
    cluster: Any,
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    wait: Any,
    end: Any,
    undisturbed: Any,
    same_files: Any,
) -> None:
    runs, sweep = tmp_path / "runs", make_sweep()
    reference = undisturbed(sweep)
    command = start(sweep, make_chain(gate.fault(5)), address=cluster.address, until=lambda: len(gate.held) == 1)
    cluster.add_node(num_cpus=1)
    wait(lambda: len(gate.held) == 2)
    gate.open()
    code, text = end(command)
    assert code == 0, text
    same_files(runs, reference, sweep)


@pytest.mark.slow
def test_a_node_that_joins_with_another_torch_runs_nothing(
    start: Callable[..., subprocess.Popen[str]],
    cluster: Any,
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    wait: Any,
    end: Any,
    undisturbed: Any,
    same_files: Any,
) -> None:
    runs, sweep = tmp_path / "runs", make_sweep()
    reference = undisturbed(sweep)
    other = tmp_path / "other" / "torch-0.1.dist-info" / "METADATA"
    other.parent.mkdir(parents=True)
    other.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    command = start(sweep, make_chain(gate.fault(5)), address=cluster.address, until=lambda: len(gate.held) == 1)
    node = cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(other.parents[1])})
    # The held trial's own attempt, and all that the three others have.
    wait(lambda: sum(len(path.read_text().splitlines()) for path in runs.glob("sweeps/*/ray/*/attempts/*")) == 10)
    gate.open()
    code, text = end(command)
    assert code == 2, text
    told = "joined with torch 0.1, but the command's machine has torch"
    assert text.count(told) == 2, text  # at once, and at the end
    cluster.remove_node(node)
    code, text = end(start(sweep, make_chain(), address=cluster.address))
    assert code == 0, text
    same_files(runs, reference, sweep)
