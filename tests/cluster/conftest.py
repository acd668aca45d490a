import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import hosts

# What these assert is told in full, as in a test.
pytest.register_assert_rewrite("tests.cluster.background", "tests.cluster.slurm", "tests.cluster.sweeping")

from tests.cluster.sweeping import SWEEP, Running  # noqa: E402  they are registered first

ADDRESSES = {name: f"{hosts.SUBNET}.{number}" for number, name in enumerate(("client", "head", "first", "second"), 11)}
CLUSTER = f"""cluster_name: test
provider:
  type: local
  head_ip: {ADDRESSES["head"]}
  worker_ips: [{ADDRESSES["first"]}, {ADDRESSES["second"]}]
auth:
  ssh_user: root
metadata:
  simcvd: {{runs: {hosts.SHARED}/runs}}
head_start_ray_commands:
  - ray stop
  - >-
    RAY_health_check_initial_delay_ms=2000 RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=1000
    RAY_health_check_failure_threshold=3
    ray start --head --port=6379 --num-cpus=1 --object-store-memory=104857600
    --autoscaling-config=~/ray_bootstrap_config.yaml
worker_start_ray_commands:
  - ray stop
  - >-
    RAY_gcs_rpc_server_reconnect_timeout_s=15
    ray start --address=$RAY_HEAD_IP:6379 --num-cpus=1 --object-store-memory=104857600
"""

Simcvd = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = hosts.missing()
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.cluster)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, hosts.Host]]:
    """A client, a head and two workers, which know each other's keys."""
    folder = tmp_path_factory.mktemp("lab")
    with hosts.made(folder, list(ADDRESSES)) as made:
        (folder / "shared" / "cluster.yaml").write_text(CLUSTER)
        made["client"].run(f"cp {hosts.SHARED}/cluster.yaml cluster.yaml")
        yield made


@pytest.fixture(scope="module")
def no_ray(lab: dict[str, hosts.Host]) -> None:
    """No Ray of an earlier module runs on the hosts."""
    for name in ("head", "first", "second"):  # the head starts workers again
        lab[name].run("ray stop --force", check=False, timeout_s=60)


@pytest.fixture
def simcvd(lab: dict[str, hosts.Host]) -> Simcvd:
    """Return what runs `simcvd` on the client."""

    def run(arguments: str, *, timeout_s: float = 300) -> "subprocess.CompletedProcess[str]":
        return lab["client"].run(f"simcvd {arguments}", timeout_s=timeout_s, check=False)

    return run


@pytest.fixture
def shared(lab: dict[str, hosts.Host], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all hosts share, as this machine sees it."""
    return Path(os.fspath(tmp_path_factory.getbasetemp())) / "lab0" / "shared"


@pytest.fixture
def running(lab: dict[str, hosts.Host], shared: Path) -> Iterator[Callable[..., Running]]:
    """Return what begins a sweep, which is stopped at the end."""
    made = []

    def begin(name: str, seed: int, steps: int = 60, *, checkpoint_every_steps: int = 5) -> Running:
        text = SWEEP.format(name=name, seed=seed, steps=steps, checkpoint_every_steps=checkpoint_every_steps)
        made.append(Running(lab["client"], shared, name, text=text))
        return made[-1]

    yield begin
    for each in made:
        each.finish()
        lab["client"].run(f"simcvd cluster stop cluster.yaml {shlex.quote(each.name)}", timeout_s=120, check=False)
