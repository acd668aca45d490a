from contextlib import nullcontext

import pytest

from simcvd.errors import UserError
from sweeps.resources import machine
from sweeps.resources.machine import Machine, busy_notice, measuring_machine
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def _node(cpus: float, gpus: float) -> dict:
    return {"Alive": True, "NodeID": "", "Resources": {"CPU": cpus, "GPU": gpus}}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch):
    """Stand on a machine, beside the nodes of a Ray that is joined, if any."""

    def stand(own: dict | None, *nodes: dict) -> None:
        import ray

        monkeypatch.setattr(machine, "this_machine", lambda: own)
        monkeypatch.setattr(machine, "running_ray", lambda address: "10.0.0.1:6379" if nodes else None)
        monkeypatch.setattr(machine, "ray_session", lambda address: nullcontext())
        monkeypatch.setattr(ray, "nodes", lambda: list(nodes))

    return stand


def test_trials_are_placed_on_this_machine_or_on_the_ray_that_is_joined(here) -> None:
    here(_node(4, 0))
    assert measuring_machine(ResourceRequest(cpus_per_worker=2)) == Machine(Placement(1, 2, 0.0), 2, 2)
    with pytest.raises(UserError, match="there is no GPU on: 4 CPU, 0 GPU"):
        measuring_machine(ResourceRequest(device="cuda"))
    here(_node(4, 0), _node(8, 0), _node(8, 0))
    assert measuring_machine(ResourceRequest()) == Machine(Placement(1, 1, 0.0), 16, 4)


def test_a_gpu_of_a_cluster_is_not_measured_on_a_machine_without(here) -> None:
    here(_node(4, 0), _node(8, 2))
    assert measuring_machine(ResourceRequest()) is None
    assert measuring_machine(ResourceRequest(device="cpu")) == Machine(Placement(1, 1, 0.0), 8, 4)
    here(_node(4, 1), _node(8, 2))
    assert measuring_machine(ResourceRequest()) == Machine(Placement(1, 1, 1.0), 2, 1)


def test_where_ray_can_not_be_asked_before_it_runs_the_cores_are_counted(here, monkeypatch) -> None:
    here(None)
    monkeypatch.setattr("sweeps.resources.machine.usable_cores", lambda: 6)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert measuring_machine(ResourceRequest()) == Machine(Placement(1, 1, 0.0), 6, 6)


@pytest.mark.parametrize(("load", "gpus", "busy"), [(2.5, 0.0, True), (1.9, 0.0, False), (2.5, 1.0, False)])
def test_a_busy_machine_measures_too_long_times_on_its_cpus(monkeypatch, load: float, gpus: float, busy: bool) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    told = busy_notice(Placement(gpus=gpus))
    assert (told is not None) is busy
    assert told is None or told.startswith("Other programs kept 2.5 of this machine's 8 CPUs busy")
