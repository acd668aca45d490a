"""What an error of torch, CUDA or the system says of the device: that its memory is full, or that the GPU failed.

Torch is not imported: its exceptions are told by their names and texts, which 2.6 to 2.13 share. Since 2.8 or so errors
of CUDA are `torch.AcceleratorError`; before, they are plain `RuntimeError`s of the same text.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MEMORY_CLASSES: Final = frozenset({"OutOfMemoryError", "MemoryError"})
"""Of torch (CUDA, HIP), Ray (a process ended for want of memory), Python and NumPy."""

_MEMORY_TEXT: Final = re.compile(
    r"\bOutOfMemoryError\b"  # the text of another process's exception
    r"|\b(?:CUDA|HIP)(?: driver)?(?: error:)? out of memory"  # the allocator's own, and a call's that goes past it
    r"|Cuda failure (?:\d+ )?'out of memory'"  # NCCL's
    r"|NCCL\b.*\bout of memory"
    r"|Failed to CUDA \w*alloc"  # NCCL's
    r"|\b(?:CU(?:BLAS|DNN|FFT|SOLVER|SPARSE|RAND)|HIP(?:BLAS|FFT|SOLVER|SPARSE))(?:_STATUS)?_\w*ALLOC\w*_FAILED"
    r"|\bCUSPARSE_STATUS_INSUFFICIENT_RESOURCES"
    r"|\bNVRTC_ERROR_OUT_OF_MEMORY|\bhipErrorOutOfMemory|\bcudaErrorMemoryAllocation"
    r"|\brocblas_status_memory_error|\bmiopenStatusAllocFailed"
    r"|can't allocate memory|Cannot allocate memory|std::bad_alloc",  # of the host
    re.DOTALL,
)


@dataclass(frozen=True)
class GpuFault:
    """What broke a GPU, or this process's part of it: whatever the process asks of the GPU from now on fails too.

    Attributes:
        words: what the driver calls it.
        of_trial: most likely the computation's own fault, which would come again on any GPU.
    """

    words: str
    of_trial: bool = False


_ASSERT: Final = "device-side assert triggered"
_EVERYWHERE: Final = (
    _ASSERT,
    "an illegal memory access was encountered",
    "an illegal instruction was encountered",
    "unspecified launch failure",
    "uncorrectable ECC error",
    "uncorrectable NVLink error",
    "Invalid access of peer GPU memory over nvlink or a hardware error",
    "hardware stack error",
    "the launch timed out and was terminated",
    "operation not supported on global/shared address space",
    "GPU is lost",
    "fallen off the bus",
    "no CUDA-capable device is detected",
    "no ROCm-capable device is detected",
    "all CUDA-capable devices are busy or unavailable",
    "CUDA-capable device(s) is/are busy or unavailable",
    "No CUDA GPUs are available",
    "No HIP GPUs are available",
    "Unexpected error from cudaGetDeviceCount",
)
"""Words that nobody but a driver or torch says."""

_AFTER_PREFIX: Final = (
    "misaligned address",
    "invalid program counter",
    "initialization error",
    "unknown error",
    "context is destroyed",
    "invalid device context",
    "driver shutting down",
    "system not yet initialized",
)
"""Words that others say too; meant where they follow `CUDA error: ` or the like."""

_CODES: Final = {
    3: "initialization error",
    46: "CUDA-capable device(s) is/are busy or unavailable",
    100: "no CUDA-capable device is detected",
    201: "invalid device context",
    214: "uncorrectable ECC error",
    220: "uncorrectable NVLink error",
    700: "an illegal memory access was encountered",
    702: "the launch timed out and was terminated",
    709: "context is destroyed",
    710: _ASSERT,
    714: "hardware stack error",
    715: "an illegal instruction was encountered",
    716: "misaligned address",
    717: "operation not supported on global/shared address space",
    718: "invalid program counter",
    719: "unspecified launch failure",
    721: "Invalid access of peer GPU memory over nvlink or a hardware error",
    802: "system not yet initialized",
    999: "unknown error",
}
"""By `error_code` of `torch.AcceleratorError`: the numbers of `cudaError_t`."""


def _either(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(each) for each in words)


_FAULT_TEXT: Final = re.compile(
    rf"(?P<alone>{_either(_EVERYWHERE)})"
    rf"|(?:(?:CUDA|HIP)(?: driver)? error: |Cuda failure (?:\d+ )?')(?P<after>{_either(_AFTER_PREFIX)})",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that the memory of a GPU or of the host does not suffice."""
    return any(_says_out_of_memory(each) for each in _causes(error))


def says_out_of_memory(text: str) -> bool:
    """Tell the same of what another process said.

    >>> says_out_of_memory("CUDA error: out of memory"), says_out_of_memory("CUDA error: unknown error")
    (True, False)
    """
    return _MEMORY_TEXT.search(text) is not None


def gpu_fault(error: BaseException) -> GpuFault | None:
    """Return what broke the GPU for this process, if an error or one before it tells of that; the earliest one.

    An error that came while another one was handled counts: the process is broken whatever it said last.
    """
    found: GpuFault | None = None
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        found = _fault_of(each) or found
        waiting += [each.__context__, each.__cause__]
    return found


def fault_in(text: str) -> GpuFault | None:
    """Return what broke a GPU, by what another process said.

    >>> fault_in("CUDA error: device-side assert triggered")
    GpuFault(words='device-side assert triggered', of_trial=True)
    >>> fault_in("CUDA error: invalid argument")
    """
    found = _FAULT_TEXT.search(text)
    if found is None:
        return None
    return _named(found["alone"] or found["after"])


def _says_out_of_memory(error: BaseException) -> bool:
    if _MEMORY_CLASSES & {each.__name__ for each in type(error).__mro__}:
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return says_out_of_memory(str(error))


def _fault_of(error: BaseException) -> GpuFault | None:
    if _says_out_of_memory(error):
        return None
    code = getattr(error, "error_code", None)
    if isinstance(code, int) and code in _CODES:
        return _named(_CODES[code])
    return fault_in(str(error))


def _named(words: str) -> GpuFault:
    return GpuFault(words, of_trial=words.lower() == _ASSERT)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from; not what was merely being handled, which may have been overcome."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__
