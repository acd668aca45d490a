from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.channel.channel import StopReason
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.gpu_failure import GpuFailure
from sweeps.channel.ray_channel import RayChannel, open_ray_channel
from sweeps.resources.ray_session import ray_session


class NoActor:
    """What does not answer, as after the end of its Ray."""


def test_an_actor_that_does_not_answer_stops_no_trial() -> None:
    channel = RayChannel(NoActor())
    channel.tell("A sentence.")
    channel.request_stop(StopReason.asked)
    assert channel.stop_reason() is None
    assert channel.failed_nodes() == frozenset()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_what_trials_on_any_node_say_is_the_command_s_at_once_and_the_other_way_round(
    tmp_path: Path, wait: Callable[[Callable[[], bool]], None]
) -> None:
    import ray

    own = FolderChannel(tmp_path)
    own.open()
    failures = [GpuFailure(trial, "1", "a", "host", "unknown error", False) for trial in ("t", "u")]
    with ray_session(None), open_ray_channel(own) as channel:
        task = ray.remote(num_cpus=0)(lambda: channel.note_gpu_failure(failures[0]))
        ray.get(task.remote())
        assert own.gpu_failures() == failures[:1]
        assert channel.failed_nodes() == frozenset()
        own.note_gpu_failure(failures[1])
        assert channel.failed_nodes() == frozenset({"a"})

        channel.tell("A sentence.")
        channel.note_attempt("t", {"a"})
        assert (own.notices.read_text(), own.attempts("t")) == ("A sentence.\n", [{"a"}])

        # The actor keeps nothing in memory, so all is as it was after its process was killed.
        ray.kill(channel.actor, no_restart=False)
        wait(lambda: channel.failed_nodes() == frozenset({"a"}))

        own.request_stop(StopReason.asked)
        channel.request_stop(StopReason.gpus_failed)
        # The killed process may have given the last answer above; until there is another one, there is none.
        wait(lambda: channel.stop_reason() is not None)
        assert channel.stop_reason() is StopReason.asked


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_folder_that_ray_s_processes_can_not_use_is_one_sentence(tmp_path: Path) -> None:
    with (
        ray_session(None),
        pytest.raises(UserError, match=r"Ray's processes on this machine can't write to .*/absent .*No such file"),
        open_ray_channel(FolderChannel(tmp_path / "absent")),
    ):
        pass
