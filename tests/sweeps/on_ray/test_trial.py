"""Where a trial runs; the workers are replaced, so no Ray is needed."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.channel.channel import StopReason
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.gpu_failure import GpuFailure
from sweeps.on_ray import trial
from sweeps.on_ray.job import Job
from sweeps.on_ray.trial import fit_trial, run_worker
from sweeps.resources.share import Placement
from sweeps.status.lock import TrialBusyError
from sweeps.storage.shared_folder import SharedFolder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def job(tmp_path: Path, make_job: Callable[..., Job]) -> Callable[..., Job]:
    def make(workers: int = 1) -> Job:
        made = make_job(tmp_path, configs={"t": "settings", "u": "others"}, placement=Placement(workers))
        if not made.channel.stop_reason():
            made.channel.open()
        return made

    return make


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """On node `a`; the list holds what was run, with which settings, and where not."""
    seen: list[Any] = []
    here = ["a"]

    def elsewhere(work: Callable[[], str], placement: Placement, avoid: frozenset[str], asked: Any) -> str:
        seen.append(("not on", sorted(avoid)))
        here[0] = "c"
        return work()

    def trainer(worker: Any, trial_id: str, scratch: Path, placement: Placement, avoid: frozenset[str]) -> Any:
        job = worker.args[1]
        seen.append((trial_id, sorted(job.configs), sorted(avoid)))
        return SimpleNamespace(fit=lambda: SimpleNamespace(return_value=SimpleNamespace(state="finished")))

    monkeypatch.setattr(trial, "this_node", lambda: here[0])
    monkeypatch.setattr(trial, "alive_nodes", lambda: {"a", "b", "c"})
    monkeypatch.setattr(trial, "room_without", lambda avoid, placement: len(avoid) < 2)
    monkeypatch.setattr(trial, "on_other_node", elsewhere)
    monkeypatch.setattr(trial, "torch_trainer", trainer)
    return seen


def _fail(job: Job, node: str) -> None:
    for attempt in ("1", "2"):
        job.channel.note_gpu_failure(GpuFailure("t", attempt, node, node, "unknown error", False))


def test_a_trial_runs_where_tune_put_it(job: Callable[..., Job], done: list[Any]) -> None:
    assert fit_trial("t", job()) == "finished"
    assert done == [("t", ["t", "u"], [])]
    assert job().channel.attempts("t") == [{"a"}]


def test_a_trial_on_a_node_that_failed_runs_elsewhere_with_its_own_settings_alone(
    job: Callable[..., Job], done: list[Any]
) -> None:
    _fail(job(), "a")
    assert fit_trial("t", job()) == "finished"
    assert done == [("not on", ["a"]), ("t", ["t"], ["a"])]
    assert job().channel.attempts("t") == [{"c"}]


def test_a_trial_on_another_node_than_the_one_that_failed_stays(job: Callable[..., Job], done: list[Any]) -> None:
    _fail(job(), "b")
    assert fit_trial("t", job()) == "finished"
    assert done == [("t", ["t", "u"], ["b"])]


def test_the_workers_of_a_group_avoid_the_node_that_failed(job: Callable[..., Job], done: list[Any]) -> None:
    _fail(job(), "a")
    assert fit_trial("t", job(workers=2)) == "finished"
    assert done == [("t", ["t", "u"], ["a"])]
    assert job().channel.attempts("t") == [{"b", "c"}]


def test_without_a_node_that_works_the_trial_waits_and_the_command_stops(
    job: Callable[..., Job], done: list[Any]
) -> None:
    _fail(job(), "a")
    _fail(job(), "b")
    assert fit_trial("t", job()) == "waiting"
    assert done == []
    assert job().channel.stop_reason() is StopReason.gpus_failed


def test_a_disk_that_is_full_when_a_sentence_is_handed_on_stops_the_command(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(FolderChannel):
        def tell(self, sentence: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "notices.txt"))

    @contextmanager
    def busy(*_: Any, **__: Any) -> Iterator[None]:
        raise TrialBusyError("Another command runs it.")
        yield

    monkeypatch.setattr(trial, "this_node", lambda: "a")
    monkeypatch.setattr(trial, "Lifeline", lambda: nullcontext(SimpleNamespace(leaving=False)))
    storage = SharedFolder(tmp_path)
    monkeypatch.setattr(SharedFolder, "trial", busy)
    full = replace(job(), channel=Full(tmp_path), storage=storage)
    assert run_worker("t", full, "1") is None
    assert full.channel.stop_reason() is StopReason.disk_full
