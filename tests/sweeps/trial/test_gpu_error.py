import socket

import pytest
import torch

from simcvd.device_errors import GpuFault
from sweeps.trial.gpu_error import GpuError, fault_of

VAGUE = RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")
BROKEN = RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_failure_names_the_node_and_whether_a_check_found_it() -> None:
    host = socket.gethostname()
    assert str(GpuError.of(GpuFault("an illegal memory access was encountered"))) == (
        f"The GPU of node {host} failed: an illegal memory access was encountered."
    )
    assert str(GpuError.of(GpuFault("device-side assert triggered", of_trial=True))).startswith("A check on the GPU of")


def test_an_error_that_says_it_is_believed() -> None:
    assert fault_of(BROKEN) == GpuFault("an illegal memory access was encountered")
    assert fault_of(ValueError("a bug")) is None


@pytest.mark.parametrize(
    ("initialized", "workers", "told", "broken"),
    [
        (True, 1, BROKEN, True),
        (True, 1, None, False),
        (False, 1, BROKEN, False),
        (True, 2, BROKEN, False),
    ],
)
def test_of_a_vague_error_the_gpu_is_asked_where_this_process_has_one_alone(
    monkeypatch: pytest.MonkeyPatch, initialized: bool, workers: int, told: Exception | None, broken: bool
) -> None:
    def synchronize() -> None:
        if told is not None:
            raise told

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: initialized)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr("simcvd.training.distributed.rank_and_workers", lambda: (0, workers))
    assert (fault_of(VAGUE) is not None) is broken
