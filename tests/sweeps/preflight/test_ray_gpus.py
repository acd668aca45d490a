"""The preflight on two nodes of a Ray that say they have GPUs; what a node's GPUs say is made up there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps.preflight import ray_nodes
from sweeps.preflight.checks import Findings, Subject, preflight
from sweeps.preflight.gpu import GpuDevice, GpuReport, GpuTask
from sweeps.preflight.ray_nodes import ask_for_gpus
from sweeps.resources.placement import place
from sweeps.resources.ray_session import ray_environment
from sweeps.resources.request import ResourceRequest
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from tests.sweeps.crops import without_crops

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

MEMORY = 100 * 2**20
VISIBLE = "4,6"


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[dict[str, Any]]]:
    """A head without GPUs or cores, and two nodes; one hides its GPUs from tasks that take none, as old Rays did."""
    with ray_environment():
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "object_store_memory": MEMORY}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            hiding = {"CUDA_VISIBLE_DEVICES": VISIBLE, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
            cluster.add_node(num_cpus=2, num_gpus=2, object_store_memory=MEMORY, env_vars=hiding)
            cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=MEMORY)
            cluster.wait_for_nodes()
            ray.shutdown()  # other tests may have left theirs open
            forwarded = {"env_vars": {"OMP_WAIT_POLICY": "PASSIVE"}}  # as a Ray is joined
            ray.init(address=cluster.address, runtime_env=forwarded, log_to_driver=False)
            yield ray.nodes()
        finally:
            ray.shutdown()
            cluster.shutdown()


def _with(nodes: list[dict[str, Any]], gpus: float) -> str:
    return next(str(node["NodeID"]) for node in nodes if node["Resources"].get("GPU", 0) == gpus)


def _check(dataset: Path, runs: Path, nodes: list[dict[str, Any]]) -> Findings:
    subject = Subject(InPlace(dataset), SharedFolder(runs), [load_preset("phantom")])
    return preflight(subject, *place(ResourceRequest(), nodes), nodes)


@pytest.fixture
def gpus_say(monkeypatch: pytest.MonkeyPatch, nodes: list[dict[str, Any]]) -> Callable[..., None]:
    """Let the second node's GPU say something; the first node has two that are right."""
    first = _with(nodes, 2)

    def use(device: GpuDevice, cudnn: str = "9.10.2") -> None:
        def say(task: GpuTask) -> GpuReport:
            import ray

            right = tuple(GpuDevice(str(index), "NVIDIA H200", "9.0", None, "right") for index in range(2))
            if ray.get_runtime_context().get_node_id() == first:
                return GpuReport("CUDA 12.6", driver="570.86.10", cudnn="9.10.2", devices=right)
            return GpuReport("CUDA 12.6", driver="570.86.10", cudnn=cudnn, devices=(device,))

        monkeypatch.setattr(ray_nodes, "ask_gpus", say)

    return use


@pytest.mark.parametrize("taken", [False, True])
def test_gpus_are_seen_as_their_node_was_started_although_none_is_taken(
    nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """Also where trials of another command hold all of them."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def seen(task: GpuTask) -> GpuReport:
        return GpuReport(error=f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {os.environ.get('OMP_WAIT_POLICY')}")

    monkeypatch.setattr(ray_nodes, "ask_gpus", seen)
    node = _with(nodes, 2)

    @ray.remote(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
    class Holder:
        def see(self) -> str | None:
            return os.environ.get("CUDA_VISIBLE_DEVICES")

    holder: Any = Holder
    holders = [holder.options(num_gpus=1).remote() for _ in range(2 * taken)]
    assert sorted(ray.get([held.see.remote() for held in holders])) == VISIBLE.split(",")[: len(holders)]
    assert ask_for_gpus(GpuTask(), {node: "node b"})() == {"node b": GpuReport(error=f"{VISIBLE} PASSIVE")}
    assert ray.get(holder.options(num_gpus=0).remote().see.remote()) == "", "else the test shows nothing"
    for held in holders:
        ray.kill(held)


@pytest.mark.skipif(torch.version.cuda is not None or torch.version.hip is not None, reason="torch knows GPUs")
def test_the_real_process_answers_from_within_ray(nodes: list[dict[str, Any]]) -> None:
    assert ask_for_gpus(GpuTask(), {_with(nodes, 1): "node b"})() == {"node b": GpuReport()}


def test_gpus_that_are_all_right_run_in_bfloat16(
    dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]], gpus_say: Callable[..., None]
) -> None:
    gpus_say(GpuDevice("0", "NVIDIA H200", "9.0", None, "right"))
    findings = _check(dataset, tmp_path, nodes)
    assert findings.lines["gpus"] == "3 x NVIDIA H200, driver 570.86.10, cuDNN 9.10.2; tried on 2 machine(s)"
    assert (findings.precision, without_crops(findings.notices)) == ("bfloat16", ())
    assert findings.newcomers is not None
    assert findings.newcomers.seen == {_with(nodes, 2), _with(nodes, 1)}  # the head gets no trial


def test_one_old_gpu_makes_all_trials_float32(
    dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]], gpus_say: Callable[..., None]
) -> None:
    gpus_say(GpuDevice("0", "Tesla T4", "7.5", None, "absent"))
    findings = _check(dataset, tmp_path, nodes)
    assert findings.precision == "float32"
    (notice,) = without_crops(findings.notices)
    assert notice.startswith("All trials run in float32, since GPU 0 (Tesla T4) of node ")
    assert f"Ray's node {_with(nodes, 1)[:8]} has no bfloat16 arithmetic; without that machine" in notice


def test_the_node_with_another_cudnn_is_named(
    dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]], gpus_say: Callable[..., None]
) -> None:
    gpus_say(GpuDevice("0", "NVIDIA H200", "9.0", None, "right"), cudnn="9.5.1")
    with pytest.raises(UserError, match=r"Ray's node \w{8} has cuDNN 9.*, but node .*, Ray's node \w{8} has cuDNN 9"):
        _check(dataset, tmp_path, nodes)


def test_a_gpu_that_ray_counts_and_torch_does_not_find_is_told(
    dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(task: GpuTask) -> GpuReport:
        return GpuReport("CUDA 12.6", devices=(GpuDevice("0", "NVIDIA H200", "9.0", None, "right"),))

    monkeypatch.setattr(ray_nodes, "ask_gpus", one)
    with pytest.raises(UserError, match=rf"Ray hands out 2 GPUs of node .*{_with(nodes, 2)[:8]}, but torch finds 1"):
        _check(dataset, tmp_path, nodes)
