from typing import Any

import pytest
import torch

from simcvd.errors import UserError
from sweeps.resources import placement as placement_module
from sweeps.resources.placement import check_machine, place
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement


def _nodes(*resources: dict[str, float]) -> list[dict[str, Any]]:
    return [{"Alive": True, "Resources": each} for each in resources] + [{"Alive": False, "Resources": {"CPU": 99.0}}]


def test_cpu_trials_take_a_core_each() -> None:
    assert place(ResourceRequest(), _nodes({"CPU": 2.0})) == (Placement(1, 1, 0.0), 2)
    assert place(ResourceRequest(cpus_per_worker=2), _nodes({"CPU": 2.0})) == (Placement(1, 2, 0.0), 1)
    assert place(ResourceRequest(max_concurrent=1), _nodes({"CPU": 2.0}))[1] == 1


def test_gpu_trials_take_a_gpu_each_or_share_one() -> None:
    nodes = _nodes({"CPU": 16.0, "GPU": 2.0})
    assert place(ResourceRequest(), nodes) == (Placement(1, 1, 1.0), 2)
    assert place(ResourceRequest(gpus_per_worker=0.25), nodes)[1] == 8
    assert place(ResourceRequest(gpus_per_worker=0.4), nodes)[1] == 4  # two on each GPU, none across
    assert place(ResourceRequest(device="cpu"), nodes) == (Placement(1, 1, 0.0), 16)


def test_workers_of_a_trial_may_lie_on_several_nodes() -> None:
    nodes = _nodes({"CPU": 4.0, "GPU": 2.0}, {"CPU": 4.0, "GPU": 2.0})
    assert place(ResourceRequest(workers=4), nodes) == (Placement(4, 1, 1.0), 1)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ResourceRequest(workers=3), "needs 3 worker.* room for 2"),
        (ResourceRequest(cpus_per_worker=3), "room for 0 on: 2 CPU"),
        (ResourceRequest(device="cuda"), "there is no GPU on: 2 CPU, 0 GPU"),
    ],
)
def test_what_can_never_fit_is_refused(request_: ResourceRequest, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        place(request_, _nodes({"CPU": 2.0}))


def _machine(monkeypatch: pytest.MonkeyPatch, **resources: float) -> None:
    node = {"Alive": True, "NodeID": "", "Resources": resources}
    monkeypatch.setattr(placement_module, "this_machine", lambda: node)
    monkeypatch.setattr("sweeps.preflight.checks.this_machine", lambda: node)


def test_four_gpus_of_a_machine_without_one_are_refused_before_ray_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    with pytest.raises(UserError, match="--device is cuda, but there is no GPU on: 2 CPU, 0 GPU; use --device cpu"):
        check_machine(ResourceRequest(workers=4, device="cuda"))
    with pytest.raises(UserError, match=r"needs 4 worker.* of 1 CPU, but there is room for 2 on: 2 CPU, 0 GPU"):
        check_machine(ResourceRequest(workers=4))
    check_machine(ResourceRequest(workers=2))


def test_a_ray_that_is_joined_is_not_judged_by_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    check_machine(ResourceRequest(workers=4, device="cuda", address="192.0.2.10:6379"))
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.10:6379")
    check_machine(ResourceRequest(workers=4, device="cuda"))
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(UserError, match="there is no GPU"):
        check_machine(ResourceRequest(workers=4, device="cuda"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_this_machine_has_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_module, "usable_cores", lambda: 5)
    machine = placement_module.this_machine()
    assert machine is not None
    assert machine["Resources"]["CPU"] == 5
    assert machine["Resources"]["GPU"] == torch.cuda.device_count()
