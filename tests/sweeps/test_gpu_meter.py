import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.errors import UserError
from sweeps.gpu_meter import GpuMeter, metered
from sweeps.on_ray.job import Job
from sweeps.request import Budget
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.resources.slots import Slots
from sweeps.session import Session
from sweeps.status.trial import result_path


def test_the_meter_counts_the_gpus_of_the_trials_that_are_open():
    now, left = [0.0], [5]
    meter = GpuMeter(1.0, gpus=0.5, slots=lambda: 4, open_trials=lambda: left[0], clock=lambda: now[0])
    now[0] = 900
    assert not meter()
    assert meter.used_s == 900 * 4 * 0.5
    left[0], now[0] = 1, 900 + 3599
    assert not meter()
    now[0] += 1
    assert meter()


@pytest.fixture
def session(tmp_path: Path, make_job: Callable[..., Job]) -> Callable[[float], Session]:
    """Return a factory of sessions whose trials have a number of GPUs."""

    def make(gpus: float) -> Session:
        job = make_job(tmp_path, placement=Placement(gpus=gpus))
        return Session(job, Slots(ResourceRequest(), 1, grows=False), lambda: False, SimpleNamespace())

    return make


def test_hours_of_gpu_are_refused_on_the_cpu(session):
    on_cpu = session(0)
    assert metered(on_cpu, [], Budget()) is on_cpu
    with pytest.raises(UserError, match=r"--gpu-hours is 2, but trials run on the CPU"):
        metered(on_cpu, [], Budget(gpu_hours=2))


def test_a_session_stops_when_its_hours_are_used_up_and_not_while_nothing_is_open(session, tmp_path):
    path = result_path(tmp_path, "a0")
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (1, 1))  # from an earlier command
    limited = metered(session(1), ["a0"], Budget(gpu_hours=1e-12))
    assert limited.stopped()
    path.touch()
    os.utime(path, (2e9, 2e9))
    limited = metered(session(1), ["a0"], Budget(gpu_hours=1e-12))
    path.touch()
    os.utime(path, (2.1e9, 2.1e9))
    assert not limited.stopped()
