"""A machine of the cluster goes away."""

from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_the_trials_of_a_lost_node_go_on_elsewhere(
    disturbed: DisturbedSweep, make_cluster: Any, tmp_path: Path, gate: Any, wait: Any
) -> None:
    # A lost node is noticed after seconds, not half a minute.
    soon = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    cluster = make_cluster(num_cpus=0, **soon)
    place, hold = tmp_path / "node", gate.fault(5, sdm=0.2)

    def fault(config, trial_dir, step):
        if step == 5 and config.loss.sdm == 0.2 and not place.exists():
            import os

            import ray

            place.with_name("part").write_text(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}")
            place.with_name("part").replace(place)
        hold(config, trial_dir, step)

    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    command = disturbed.start(fault, address=cluster.address, until=lambda: place.exists() and len(gate.held) == 2)
    lost, process = place.read_text().split()
    cluster.remove_node(next(node for node in nodes if node.node_id == lost), allow_graceful=False)
    wait(lambda: not _runs(process))  # on a machine that is off it would be; here it lives for a moment
    gate.open()
    disturbed.assert_ends_well(command)
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def _runs(process: str) -> bool:
    try:
        state = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # dead, and its parent has not looked yet
