from pathlib import Path

import pytest

from sweeps.on_ray.board import Board, open_bridge
from sweeps.on_ray.gpu_failures import GpuFailure, gpu_failures
from sweeps.on_ray.stopping import StopReason, allow_running, stop_reason
from sweeps.resources.ray_session import ray_session


def test_news_are_fetched_once_and_failures_of_gpus_stay_for_trials_that_ask() -> None:
    board = Board()
    board.tell("A sentence.")
    board.attempt("t", ["a"])
    board.gpu_failure({"node": "a"})
    assert board.fetch() == (None, ["A sentence."], [("t", ["a"])], [{"node": "a"}])
    board.gpu_failure({"node": "b"})
    board.request_stop("disk-full")
    board.request_stop("stop")
    assert board.fetch() == ("disk-full", [], [], [{"node": "b"}])
    assert board.fetch() == ("disk-full", [], [], [])
    assert board.gpu_failures() == [{"node": "a"}, {"node": "b"}]


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_failed_gpu_is_known_to_trials_at_once_and_to_the_command_after_an_exchange(tmp_path: Path) -> None:
    allow_running(tmp_path)
    failures = [GpuFailure(trial, "1", "a", "host", "unknown error", False) for trial in ("t", "u")]
    with ray_session(None), open_bridge(tmp_path) as bridge:
        bridge.channel.note_gpu_failure(failures[0])
        assert bridge.channel.failed_nodes() == frozenset()
        bridge.channel.note_gpu_failure(failures[1])
        assert bridge.channel.failed_nodes() == frozenset({"a"})
        bridge.channel.request_stop(StopReason.gpus_failed)
        bridge.exchange()
        bridge.exchange()
        assert sorted(gpu_failures(tmp_path), key=lambda failure: failure.trial_id) == failures
        assert stop_reason(tmp_path) is StopReason.gpus_failed
