import errno
from pathlib import Path

import pytest
import torch

from simcvd.device_errors import GpuFault
from simcvd.errors import DataError, UserError
from simcvd.training.run import TrainingFailed
from sweeps.trial.failure_kinds import failure_kind, is_of_storage
from sweeps.trial.gpu_error import GpuError


def _caused(error: Exception, text: str) -> Exception:
    error.__cause__ = RuntimeError(text)
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TrainingFailed("nan", "The loss term sdm is nan."), "nan"),
        (TrainingFailed("out_of_memory", "Memory did not suffice."), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), "out_of_memory"),
        (RuntimeError("CUDA error: out of memory"), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (_caused(UserError("The device 'cuda' can't be used."), "CUDA error: out of memory"), "out_of_memory"),
        (_caused(UserError("The device 'cuda' can't be used."), "CUDA error: initialization error"), "gpu_error"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "gpu_error"),
        (GpuError.of(GpuFault("device-side assert triggered", of_trial=True)), "gpu_error"),
        (DataError("The case file a.h5 is missing."), "data"),
        (UserError("--device is cuda, but there is none."), "user"),
        (ZeroDivisionError("a bug"), None),
    ],
)
def test_the_kind_of_a_failure(error: Exception, kind: str | None) -> None:
    assert failure_kind(error) == kind


def test_an_error_is_of_the_runs_folder_where_it_names_it_or_nothing() -> None:
    runs = Path("/runs")
    broken = OSError(errno.ESTALE, "Stale file handle", "/runs/trials/a/log.jsonl")
    assert is_of_storage(broken, runs)
    assert is_of_storage(OSError(errno.EIO, "Input/output error"), runs)
    assert is_of_storage(RuntimeError("IoError(Os { code: 5, message: 'Input/output error' })"), runs)
    assert not is_of_storage(OSError(errno.EIO, "Input/output error", "/data/cases/a.h5"), runs)
    assert not is_of_storage(OSError(errno.EACCES, "Permission denied", "/runs/trials/a/log.jsonl"), runs)
    damaged = DataError("The case file a.h5 can't be read.")
    damaged.__cause__ = OSError("Can't read data (error message = 'Input/output error')")
    assert not is_of_storage(damaged, runs)
