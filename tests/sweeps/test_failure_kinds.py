import pytest
import torch

from simcvd.errors import DataError, UserError
from simcvd.training.run import TrainingFailed
from sweeps.failure_kinds import failure_kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TrainingFailed("nan", "The loss term sdm is nan."), "nan"),
        (TrainingFailed("out_of_memory", "Memory did not suffice."), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (DataError("The case file a.h5 is missing."), "data"),
        (UserError("--device is cuda, but there is none."), "user"),
        (ZeroDivisionError("a bug"), None),
    ],
)
def test_the_kind_of_a_failure(error: Exception, kind: str | None) -> None:
    assert failure_kind(error) == kind
