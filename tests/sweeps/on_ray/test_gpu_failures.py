import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from simcvd.device_errors import GpuFault
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.gpu_failure import GpuFailure
from sweeps.on_ray.gpu_failures import gpu_failure_noted, last_words, newly_failed, no_node_left
from sweeps.trial.gpu_error import GpuError, fault_of

ILLEGAL = "an illegal memory access was encountered"


def _failure(trial: str = "t", attempt: str = "1", node: str = "a", words: str = ILLEGAL, **named: bool) -> GpuFailure:
    return GpuFailure(trial, attempt, node, f"host-{node}", words, named.get("of_trial", False))


@pytest.fixture
def broken_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretend that this process uses a GPU, which answers with an error."""

    def answer(text: str) -> None:
        def wait() -> None:
            raise RuntimeError(text)

        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "synchronize", wait)

    return answer


def test_a_failure_is_noted_told_and_raised_with_its_node(tmp_path: Path) -> None:
    channel = FolderChannel(tmp_path)
    here = f"The GPU of node {socket.gethostname()} failed: {ILLEGAL}."
    with pytest.raises(GpuError) as caught, gpu_failure_noted(channel, "t", "1", "a"):
        raise RuntimeError(f"CUDA error: {ILLEGAL}\nCompile with `TORCH_USE_CUDA_DSA`")
    assert str(caught.value) == here
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert FolderChannel(tmp_path).gpu_failures() == [GpuFailure("t", "1", "a", socket.gethostname(), ILLEGAL, False)]
    assert (tmp_path / "notices.txt").read_text() == f"{here} It ended the process of the trial t.\n"
    assert channel.failed_nodes() == frozenset()
    channel.note_gpu_failure(_failure("u"))
    assert channel.failed_nodes() == frozenset({"a"})


def test_other_errors_pass_and_nothing_is_noted(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), gpu_failure_noted(FolderChannel(tmp_path), "t", "1", "a"):
        _ = 1 / 0
    assert FolderChannel(tmp_path).gpu_failures() == []


def test_a_failure_that_can_not_be_noted_is_told_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(GpuError), gpu_failure_noted(FolderChannel(tmp_path / "absent"), "t", "1", "a"):
        raise RuntimeError("CUDA error: unknown error")


def test_the_gpu_is_asked_where_a_library_s_error_is_vague(broken_gpu: Callable[[str], None]) -> None:
    vague = RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")
    assert fault_of(vague) is None  # no GPU was ever used here
    broken_gpu(f"CUDA error: {ILLEGAL}")
    assert fault_of(vague) == GpuFault(ILLEGAL)
    assert fault_of(ZeroDivisionError()) is None


def test_a_gpu_that_answers_something_else_is_not_to_blame(broken_gpu: Callable[[str], None]) -> None:
    broken_gpu("CUDA error: invalid argument")
    assert fault_of(RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM")) is None


def test_what_ray_keeps_of_the_exception_is_found_without_its_colours() -> None:
    reason = (
        '\x1b[36mray::run()\x1b[39m\n  File "loop.py", line 9, in train\nRuntimeError: CUDA error: unknown error\n'
        "sweeps.on_ray.gpu_failures.GpuError: The GPU of node b failed: unknown error.\n"
    )
    told = last_words(reason)
    assert told is not None
    assert told[0] == "The GPU of node b failed: unknown error."
    assert told[1].startswith("ray::run()\n")


def test_a_worker_s_error_that_nobody_named_is_found_by_its_words() -> None:
    told = last_words("Training failed due to worker errors:\nRuntimeError: CUDA error: device-side assert triggered\n")
    assert told is not None
    assert told[0] == "The GPU failed: device-side assert triggered."
    assert last_words("The actor died unexpectedly before finishing this task.") is None


def test_a_node_that_fails_is_told_once(tmp_path: Path) -> None:
    channel, told = FolderChannel(tmp_path), set[str]()
    assert newly_failed(channel, told) == []
    for failure in (_failure(), _failure("u")):
        channel.note_gpu_failure(failure)
    assert len(newly_failed(channel, told)) == 1
    channel.note_gpu_failure(_failure("v"))
    assert newly_failed(channel, told) == []


def test_the_end_of_a_command_without_nodes_names_them_and_what_to_do(tmp_path: Path) -> None:
    channel = FolderChannel(tmp_path)
    for failure in (_failure(), _failure("u"), _failure(node="b"), _failure("u", node="b")):
        channel.note_gpu_failure(failure)
    message = str(no_node_left(channel))
    assert "The GPU of node host-a failed twice" in message
    assert "The GPU of node host-b failed twice" in message
    assert message.endswith("run the same command again, it continues.")
