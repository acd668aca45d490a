import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.config import load_preset
from sweeps.channel.channel import StopReason
from sweeps.on_ray.job import Job, StopRequest, TrialConfigs
from sweeps.trial.terms import Terms


def test_a_stop_is_heard_within_a_second_and_never_taken_back(
    make_job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("sweeps.on_ray.job.time.time", lambda: now[0])
    job = make_job(tmp_path)
    job.channel.open()
    asked = StopRequest(job)
    assert not asked()
    job.channel.request_stop(StopReason.asked)
    assert not asked()  # it has just looked
    now[0] += 1
    assert asked()
    (tmp_path / StopReason.asked).unlink()
    assert asked()


def test_time_that_is_over_is_a_stop(make_job: Callable[..., Job], tmp_path: Path) -> None:
    late, early = (make_job(tmp_path, terms=Terms(deadline=time.time() + s)) for s in (-1, 100))
    assert (StopRequest(late)(), StopRequest(early)()) == (True, False)


def test_settings_of_many_trials_are_those_that_were_put_in() -> None:
    configs = TrialConfigs({"a": load_preset("phantom"), "b": load_preset("la")})
    assert (list(configs), len(configs)) == (["a", "b"], 2)
    assert pickle.loads(pickle.dumps(configs))["b"] == load_preset("la")
