"""A machine of the cluster goes away."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray of a head that runs no trials."""
    from ray.cluster_utils import Cluster

    from sweeps.ray_session import ray_environment

    # A lost node is noticed after seconds, not half a minute.
    soon = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    with ray_environment():
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": soon})
        yield cluster
        cluster.shutdown()


def test_the_trials_of_a_lost_node_go_on_elsewhere(
    start: Callable[..., subprocess.Popen[str]],
    cluster: Any,
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    end: Any,
    undisturbed: Any,
    same_files: Any,
    steps_of: Any,
) -> None:
    runs, sweep = tmp_path / "runs", make_sweep()
    reference = undisturbed(sweep)
    place, hold = tmp_path / "node", gate.fault(5, sdm=0.2)

    def fault(config, trial_dir, step):
        if step == 5 and config.loss.sdm == 0.2 and not place.exists():
            import ray

            place.with_name("part").write_text(ray.get_runtime_context().get_node_id())
            place.with_name("part").replace(place)
        hold(config, trial_dir, step)

    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    command = start(
        sweep, make_chain(fault), address=cluster.address, until=lambda: place.exists() and len(gate.held) == 2
    )
    cluster.remove_node(next(node for node in nodes if node.node_id == place.read_text()), allow_graceful=False)
    gate.open()
    code, text = end(command)
    assert code == 0, text
    assert all(steps == list(range(1, 9)) for steps in steps_of(runs).values())
    same_files(runs, reference, sweep)
