"""The preflight on three nodes of a Ray, one of which says that it has a GPU."""

import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.preflight import ray_nodes
from sweeps.preflight.checks import Findings, Subject, preflight
from sweeps.preflight.gpu import GpuDevice, GpuReport, GpuTask
from sweeps.preflight.node import NodeReport, NodeTask, examine
from sweeps.preflight.ray_nodes import short_of_memory_sentence, silent_sentence, unable_sentence
from sweeps.request import SweepRequest
from sweeps.resources.placement import place
from sweeps.resources.ray_session import ray_environment
from sweeps.resources.request import ResourceRequest
from sweeps.runner import run_sweep
from sweeps.storage.data_cache import InPlace
from sweeps.storage.exchange import FolderExchange
from sweeps.storage.shared_folder import SharedFolder
from sweeps.trial.engine import Engine
from tests.sweeps.crops import without_crops

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

MEMORY = 100 * 2**20


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[dict[str, Any]]]:
    """A head with a GPU in name, and two nodes with a core each."""
    with ray_environment():
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
            cluster.wait_for_nodes()
            ray.init(address=cluster.address, log_to_driver=False)
            yield ray.nodes()
        finally:
            ray.shutdown()
            cluster.shutdown()


def _check(dataset: Path, runs: Path, nodes: list[dict[str, Any]]) -> Findings:
    subject = Subject(InPlace(dataset), SharedFolder(runs), [load_preset("phantom")])
    return preflight(subject, *place(ResourceRequest(device="cpu"), nodes), nodes)


@pytest.mark.ray
def test_all_nodes_are_looked_at(dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]]) -> None:
    findings = _check(dataset, tmp_path, nodes)
    assert findings.lines["resources"] == "4 trial(s) side by side, each 1 worker(s) of 1 CPU"
    assert without_crops(findings.notices) == ()
    for checked in ("versions", "storage", "data"):
        assert findings.lines[checked].endswith("this machine and 2 other node(s)")
    assert list(tmp_path.iterdir()) == []
    started = time.monotonic()
    _check(dataset, tmp_path, nodes)
    print(f"preflight on three nodes: {findings.lines['time']}, again: {time.monotonic() - started:.1f} s")


@pytest.mark.ray
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("hangs", r"^Node .*, Ray's node (\w{8}) did not answer within 15 s"),
        ("lacks a module", r"^Node .*, Ray's node (\w{8}) can't run simcvd \(.*No module named 'sweeps'\)"),
        ("has another torch", r"^Node .*, Ray's node (\w{8}) has torch 1.0, but this machine has torch 2"),
        ("has no runs folder", r"is not shared: node .*, Ray's node (\w{8}) does not see what this machine writes"),
        ("writes elsewhere", r"is not shared: this machine does not see what node .*, Ray's node (\w{8}) writes"),
        ("has no data set", r"^Node .*, Ray's node (\w{8}) can't read the data set .* \(There is no data set in"),
    ],
)
def test_the_node_at_fault_is_named(
    dataset: Path,
    tmp_path: Path,
    nodes: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    sentence: str,
) -> None:
    import ray

    own = ray.get_runtime_context().get_node_id()
    culprit = next(node["NodeID"] for node in nodes if node["NodeID"] != own)

    def faulty(task: NodeTask, reply: str) -> NodeReport:
        if reply != culprit:
            return examine(task, reply)
        if fault == "hangs":
            time.sleep(60)
        if fault == "lacks a module":
            raise ModuleNotFoundError("No module named 'sweeps'")
        if fault == "has no runs folder":
            task = replace(task, exchange=FolderExchange(tmp_path, Path("/nowhere"), task.exchange.token))
        if fault == "has no data set":
            task = replace(task, dataset=Path("/nowhere"))
        report = examine(task, "elsewhere" if fault == "writes elsewhere" else reply)
        if fault == "has another torch":
            report = replace(report, versions={**report.versions, "torch": "1.0"})
        return report

    monkeypatch.setattr(ray_nodes, "examine", faulty)
    if fault == "hangs":
        monkeypatch.setattr(ray_nodes, "ANSWER_S", 15.0)
    with pytest.raises(UserError) as told:
        _check(dataset, tmp_path, nodes)
    found = re.search(sentence, str(told.value))
    assert found, str(told.value)
    assert found[1] == culprit[:8]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
def test_processes_of_ray_on_this_machine_that_import_other_code_are_refused(
    dataset: Path, tmp_path: Path, nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    own = ray.get_runtime_context().get_node_id()

    def other(task: NodeTask, reply: str) -> NodeReport:
        report = examine(task, reply)
        return replace(report, versions=report.versions | {"simcvd's source files": "0"}) if reply == own else report

    monkeypatch.setattr(ray_nodes, "examine", other)
    with pytest.raises(UserError, match=r"^Ray on this machine has simcvd's source files 0, but this machine has"):
        _check(dataset, tmp_path, nodes)


@pytest.mark.ray
def test_two_trials_share_a_gpu_side_by_side(
    dataset: Path,
    tmp_path: Path,
    nodes: list[dict[str, Any]],
    make_engine: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each trial waits for the other one to have begun, so neither would end alone."""
    half = ResourceRequest(gpus_per_worker=0.5)
    assert place(half, nodes)[1] == 2
    assert place(ResourceRequest(), nodes)[1] == 1
    engine, met = make_engine(), tmp_path / "met"
    met.mkdir()

    def train(config: Any, dataset: Path, trial_dir: Path, **options: Any) -> Any:
        import os
        import time

        (met / trial_dir.name).write_text(f"{options['device']} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
        until = time.monotonic() + 60
        while len(list(met.iterdir())) < 2:
            if time.monotonic() > until:
                raise RuntimeError("the other trial did not begin")
            time.sleep(0.1)
        return engine.train(config, dataset, trial_dir, **options)

    def works(task: GpuTask) -> GpuReport:
        return GpuReport("CUDA 12.6", devices=(GpuDevice("0", "in name", "9.0", None, "right"),))

    monkeypatch.setattr(ray_nodes, "ask_gpus", works)
    sweep = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0.0, 0.1]}, "seeds": [0]})
    out = Console(file=io.StringIO())
    outcome = run_sweep(
        SweepRequest(sweep, dataset, tmp_path / "runs", resources=half),
        console=out,
        engine=replace(engine, train=train),
    )
    assert outcome.exit_code == 0
    assert [path.read_text() for path in met.iterdir()] == ["cuda 0", "cuda 0"]


NODE = "node gpu02 (192.0.2.12)"


def test_nodes_that_are_silent_or_unable_are_named() -> None:
    assert silent_sentence([NODE, "node b"]) == (
        "Node gpu02 (192.0.2.12) and node b did not answer within 60 s, expected a few; see that the machine is up and "
        "its storage does not hang, or take it out of this Ray."
    )
    assert unable_sentence(NODE, "ModuleNotFoundError: No module named 'sweeps'") == (
        "Node gpu02 (192.0.2.12) can't run simcvd (ModuleNotFoundError: No module named 'sweeps'); install there what "
        "this machine has."
    )
    assert short_of_memory_sentence(NODE, "Task was killed.\nNode was running low on memory.") == (
        "Node gpu02 (192.0.2.12) has too little free memory: Ray ended the checks there (Task was killed. Node was "
        "running low on memory.); end other programs, or take the machine out of this Ray."
    )
