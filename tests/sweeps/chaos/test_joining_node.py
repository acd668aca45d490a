"""A machine joins the cluster while a sweep runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_trials_run_on_a_node_that_joins_later(
    disturbed: DisturbedSweep, make_cluster: Any, gate: Any, wait: Any
) -> None:
    cluster = make_cluster(num_cpus=1)
    command = disturbed.start(gate.fault(5), address=cluster.address, until=lambda: len(gate.held) == 1)
    cluster.add_node(num_cpus=1)
    wait(lambda: len(gate.held) == 2)
    gate.open()
    disturbed.assert_ends_well(command)
    disturbed.assert_same_files()


@pytest.mark.slow
def test_a_node_that_joins_with_another_torch_runs_nothing(
    disturbed: DisturbedSweep, make_cluster: Any, tmp_path: Path, gate: Any, wait: Any
) -> None:
    runs, cluster = disturbed.runs, make_cluster(num_cpus=1)
    other = tmp_path / "other" / "torch-0.1.dist-info" / "METADATA"
    other.parent.mkdir(parents=True)
    other.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    command = disturbed.start(gate.fault(5), address=cluster.address, until=lambda: len(gate.held) == 1)
    node = cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(other.parents[1])})
    # The held trial's own attempt, and all that the three others have.
    wait(lambda: sum(len(path.read_text().splitlines()) for path in runs.glob("sweeps/*/ray/*/attempts/*")) == 10)
    gate.open()
    code, text = disturbed.end(command)
    assert code == 2, text
    told = "joined with torch 0.1, but the command's machine has torch"
    assert text.count(told) == 2, text  # at once, and at the end
    cluster.remove_node(node)
    disturbed.assert_ends_well(disturbed.start(address=cluster.address))
    disturbed.assert_same_files()
