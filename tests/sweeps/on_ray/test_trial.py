"""Where a trial runs; what is run there is replaced, so no Ray is needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.on_ray import trial
from sweeps.on_ray.gpu_failures import GpuFailure
from sweeps.on_ray.stopping import StopReason, allow_running
from sweeps.on_ray.trial import Job, fit_trial
from sweeps.resources.share import Placement


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    allow_running(tmp_path)
    return lambda workers=1: Job({"t": "settings", "u": "others"}, tmp_path, tmp_path, tmp_path, Placement(workers))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """On node `a`; the list holds what was run, and where."""
    seen: list[Any] = []

    def elsewhere(work: Callable[[], str], placement: Placement, avoid: frozenset[str], asked: Any) -> str:
        seen.append(("not on", sorted(avoid)))
        return work()

    monkeypatch.setattr(trial, "this_node", lambda: "a")
    monkeypatch.setattr(trial, "room_without", lambda avoid, placement: len(avoid) < 2)
    monkeypatch.setattr(trial, "on_other_node", elsewhere)
    monkeypatch.setattr(trial, "_fit", lambda trial_id, job, failed: seen.append((trial_id, sorted(failed))) or "done")
    return seen


def _fail(job: Job, node: str) -> None:
    for attempt in ("1", "2"):
        job.channel.note_gpu_failure(GpuFailure("t", attempt, node, node, "unknown error", False))


def test_a_trial_runs_where_tune_put_it(job: Callable[..., Job], done: list[Any]) -> None:
    assert fit_trial("t", job()) == "done"
    assert done == [("t", [])]


def test_a_trial_on_a_node_that_failed_runs_elsewhere_with_its_own_settings_alone(
    job: Callable[..., Job], done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_fit", lambda trial_id, job, failed: done.append(dict(job.configs)) or "done")
    _fail(job(), "a")
    assert fit_trial("t", job()) == "done"
    assert done == [("not on", ["a"]), {"t": "settings"}]


def test_a_trial_on_another_node_than_the_one_that_failed_stays(job: Callable[..., Job], done: list[Any]) -> None:
    _fail(job(), "b")
    assert fit_trial("t", job()) == "done"
    assert done == [("t", ["b"])]


def test_the_workers_of_a_group_avoid_the_node_that_failed(job: Callable[..., Job], done: list[Any]) -> None:
    _fail(job(), "a")
    assert fit_trial("t", job(workers=2)) == "done"
    assert done == [("t", ["a"])]


def test_without_a_node_that_works_the_trial_waits_and_the_command_stops(
    job: Callable[..., Job], done: list[Any]
) -> None:
    _fail(job(), "a")
    _fail(job(), "b")
    assert fit_trial("t", job()) == "waiting"
    assert done == []
    assert job().channel.stop_reason() is StopReason.gpus_failed
