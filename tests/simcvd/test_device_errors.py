import errno

import numpy as np
import pytest
import torch

from simcvd.device_errors import GpuFault, fault_in, gpu_fault, is_out_of_memory, says_out_of_memory
from simcvd.errors import DataError, UserError

ADVICE = (
    "\nSearch for `cudaErrorX' in https://docs.nvidia.com for more information.\nCUDA kernel errors might be "
    "asynchronously reported at some other API call, so the stacktrace below might be incorrect.\nCompile with "
    "`TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"),
        torch.OutOfMemoryError("HIP out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        MemoryError("std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        *map(
            RuntimeError,
            [
                f"CUDA error: out of memory{ADVICE}",
                "CUDA driver error: out of memory",
                f"HIP error: out of memory{ADVICE}",
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
                "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
                "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
                "CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(handle)`",
                "cuFFT error: CUFFT_ALLOC_FAILED",
                "HIP error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
                "miopenStatusAllocFailed",
                "NCCL error in: ../NCCLUtils.hpp:268, unhandled cuda error, NCCL version 2.21.5\nncclUnhandledCudaError"
                ": Call to CUDA function failed.\nLast error:\nCuda failure 2 'out of memory'",
                "NCCL error: Failed to CUDA calloc async 608 bytes",
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 9 bytes. Error code 12 (Cannot allocate memory)",
                "unable to mmap 64 bytes from file </dev/shm/x>: Cannot allocate memory (12)",
            ],
        ),
    ],
    ids=lambda error: str(error)[:50],
)
def test_what_says_that_memory_does_not_suffice(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert gpu_fault(error) is None


def test_numpy_s_own_memory_error_is_one() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("memory"),
        UserError("Memory is a setting."),
    ],
)
def test_what_does_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_memory_counts_where_another_error_was_raised_from_it_and_not_where_it_was_overcome() -> None:
    told = DataError("The case can't be read.")
    told.__cause__ = OSError(errno.ENOMEM, "Cannot allocate memory")
    assert is_out_of_memory(told)
    overcome = ZeroDivisionError()
    overcome.__context__ = MemoryError()
    assert not is_out_of_memory(overcome)


def test_ray_s_text_of_a_process_ended_for_want_of_memory_says_so() -> None:
    assert says_out_of_memory("ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CUDA error: an illegal memory access was encountered", "an illegal memory access was encountered"),
        ("HIP error: an illegal memory access was encountered", "an illegal memory access was encountered"),
        ("CUDA driver error: an illegal memory access was encountered", "an illegal memory access was encountered"),
        ("CUDA error: uncorrectable ECC error encountered", "uncorrectable ECC error"),
        ("CUDA error: unspecified launch failure", "unspecified launch failure"),
        ("CUDA error: misaligned address", "misaligned address"),
        ("CUDA error: an illegal instruction was encountered", "an illegal instruction was encountered"),
        ("CUDA error: hardware stack error", "hardware stack error"),
        ("CUDA error: unknown error", "unknown error"),
        ("CUDA error: initialization error", "initialization error"),
        ("CUDA error: the launch timed out and was terminated", "the launch timed out and was terminated"),
        ("CUDA error: no CUDA-capable device is detected", "no CUDA-capable device is detected"),
        (
            "CUDA error: all CUDA-capable devices are busy or unavailable",
            "all CUDA-capable devices are busy or unavailable",
        ),
        (
            "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
            "CUDA-capable device(s) is/are busy or unavailable",
        ),
        ("CUDA error: uncorrectable NVLink error detected during the execution", "uncorrectable NVLink error"),
        ("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.", "GPU is lost"),
        ("NVRM: Xid 79, GPU has fallen off the bus.", "fallen off the bus"),
        ("No CUDA GPUs are available", "No CUDA GPUs are available"),
        ("Unexpected error from cudaGetDeviceCount(). Error 802", "Unexpected error from cudaGetDeviceCount"),
        ("NCCL error\nLast error:\nCuda failure 719 'unspecified launch failure'", "unspecified launch failure"),
        ("NCCL error\nLast error:\nCuda failure 999 'unknown error'", "unknown error"),
    ],
)
def test_what_breaks_the_gpu_for_a_process(text: str, words: str) -> None:
    assert gpu_fault(RuntimeError(text + ADVICE)) == GpuFault(words)


def test_an_assert_of_the_computation_s_own_is_told_apart() -> None:
    fault = gpu_fault(RuntimeError(f"CUDA error: device-side assert triggered{ADVICE}"))
    assert fault == GpuFault("device-side assert triggered", of_trial=True)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: invalid argument",
        "CUDA error: invalid device ordinal",
        "CUDA error: no kernel image is available for execution on the device",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "misaligned address",
        "unknown error",
        "The size of tensor a (3) must match the size of tensor b (4)",
    ],
)
def test_what_leaves_the_process_usable_or_is_vague(text: str) -> None:
    assert gpu_fault(RuntimeError(text + ADVICE)) is None


class _CodedError(RuntimeError):
    """`torch.AcceleratorError` of recent versions, which has the number of the error too."""

    def __init__(self, error_code: int) -> None:
        super().__init__("Something went wrong on the device.")
        self.error_code = error_code


def test_the_number_of_an_error_counts_where_its_text_says_nothing() -> None:
    assert gpu_fault(_CodedError(700)) == GpuFault("an illegal memory access was encountered")
    assert gpu_fault(_CodedError(710)) == GpuFault("device-side assert triggered", of_trial=True)
    assert gpu_fault(_CodedError(1)) is None


@pytest.mark.skipif(not hasattr(torch, "AcceleratorError"), reason="torch before 2.8 has none")
def test_torch_s_accelerator_error_is_known_by_its_text() -> None:
    assert gpu_fault(torch.AcceleratorError(f"CUDA error: misaligned address{ADVICE}")) == GpuFault(
        "misaligned address"
    )
    assert is_out_of_memory(torch.AcceleratorError(f"CUDA error: out of memory{ADVICE}"))


def test_the_first_of_several_errors_counts_also_where_another_one_came_of_it() -> None:
    later, told = RuntimeError("CUDA error: unspecified launch failure"), UserError("The device 'cuda' can't be used.")
    later.__context__ = RuntimeError("CUDA error: device-side assert triggered")  # what `finally` hides
    told.__cause__ = later
    assert gpu_fault(told) == GpuFault("device-side assert triggered", of_trial=True)


def test_errors_that_go_round_in_a_circle_are_looked_at_once() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert gpu_fault(first) is None
    assert not is_out_of_memory(first)


def test_a_text_without_a_fault_has_none() -> None:
    assert fault_in("The actor died unexpectedly before finishing this task.") is None
