"""Try each GPU that this process can see. Run as a process of its own, which may hang or die without harm.

It needs torch alone to find out whether the GPUs compute. What it finds goes to standard output, a JSON object a line,
as soon as it is known, so that whoever waits knows where it hung. An object with `device` is about that GPU, others are
about all of them. Standard input holds a pickled task: `limit_s`, `image_channels`, `classes` and `configs`, each a
pickled `TrialConfig` whose convolutions are compared in bfloat16 and float32.
"""

import ctypes
import json
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

SMALL = {"float32": 1e-2, "bfloat16": 3e-2}
"""Relative errors that rounding stays well below, TF32 where the machine forces it too."""

Kind = tuple[str, tuple[int, int]]
"""Name and compute capability of a GPU."""


def main() -> None:
    """Look, and tell."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between
    task: dict[str, Any] = pickle.load(sys.stdin.buffer)
    # Nobody may be left who would end it; the default action needs no Python that runs.
    signal.alarm(int(task["limit_s"]) + 1)

    def tell(**facts: Any) -> None:
        told.write(json.dumps(facts) + "\n")
        told.flush()

    warnings.simplefilter("ignore")
    try:
        look(task, tell)
    except Exception as error:
        tell(error=reason(error))
    tell(ended=True)
    told.flush()
    os._exit(0)  # a GPU in a bad state may hang in what torch does at the end


def look(task: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Tell what torch is built for, then of each GPU whether it computes, then whether its bfloat16 is right."""
    import torch

    torch.set_num_threads(1)
    built = torch.version.cuda or torch.version.hip
    tell(toolkit=built and f"{'ROCm' if torch.version.hip else 'CUDA'} {built}")
    if built is None:
        return
    tell(driver=driver_version(), driver_knows=known_to_driver(torch))
    torch.cuda.init()  # type: ignore[no-untyped-call]
    # As trials compute: TF32 rounds to 10 bits what is called float32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    count = torch.cuda.device_count()
    names = labels(count, os.environ)
    tell(architectures=torch.cuda.get_arch_list())
    for index in range(count):
        tell(device=index, label=names[index])
        try:
            major, minor = torch.cuda.get_device_capability(index)
            tell(device=index, name=torch.cuda.get_device_name(index), capability=f"{major}.{minor}")
            with suppress(Exception):  # that a GPU tells no size keeps no trial from it
                tell(device=index, memory_bytes=torch.cuda.get_device_properties(index).total_memory)
            tell(device=index, error=small_convolution(torch.device("cuda", index), "float32"))
        except Exception as error:
            tell(device=index, error=reason(error))
    try:
        tell(cudnn=cudnn_version(torch))
    except RuntimeError as error:
        tell(cudnn_error=reason(error))
    look_at_bfloat16(count, task, tell)


def look_at_bfloat16(count: int, task: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Tell of each GPU whether it computes bfloat16 fast and right.

    GPUs of one kind run the same kernels of one cuDNN, so the trials' own convolutions are compared on one of each.
    """
    import torch

    from simcvd.training.precision import has_fast_bfloat16

    known: dict[Kind, tuple[str, str]] = {}
    unsure: dict[int, tuple[Kind, str]] = {}
    for index in range(count):
        device, kind = torch.device("cuda", index), ("", (0, 0))
        try:
            kind = torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index)
            with torch.cuda.device(index):
                fast = has_fast_bfloat16(device)
                wrong = small_convolution(device, "bfloat16") if fast else None
                if fast and wrong is None and kind not in known:
                    known[kind] = compare(task, device)
        except Exception as error:  # such as too little memory beside a trial of another command
            unsure[index] = kind, reason(error)
            continue
        state, what = ("absent", "") if not fast else known[kind] if wrong is None else ("wrong", wrong)
        tell(device=index, bfloat16=state, bfloat16_told=what)
        with suppress(Exception):
            torch.cuda.empty_cache()
    for index, (kind, why) in unsure.items():
        state, what = known.get(kind, ("unknown", why))
        tell(device=index, bfloat16=state, bfloat16_told=what)


def compare(task: Mapping[str, Any], device: Any) -> tuple[str, str]:
    """Return whether the trials' convolutions are right in bfloat16, and which one is not."""
    from simcvd.training.convolution_check import wrong_convolution

    for packed in task["configs"]:
        wrong = wrong_convolution(pickle.loads(packed), task["image_channels"], task["classes"], device)
        if wrong is not None:
            return "wrong", wrong
    return "right", ""


def small_convolution(device: Any, precision: str) -> str | None:
    """Return what is wrong with a small convolution, forward and backward, beside the processor; none: nothing."""
    import torch

    generator = torch.Generator().manual_seed(0)
    image, weight = (torch.randn(shape, generator=generator) for shape in ((2, 8, 6, 6, 6), (8, 8, 3, 3, 3)))

    def compute(device: Any, kind: Any) -> list[Any]:
        crop, kernel = (value.detach().to(device, kind).requires_grad_() for value in (image, weight))
        out = torch.nn.functional.conv3d(crop, kernel, padding=1)
        gradients = torch.autograd.grad(out.square().sum(), (crop, kernel))
        return [value.detach().to("cpu", torch.float32) for value in (out, *gradients)]

    computed = compute(device, getattr(torch, precision))
    expected = compute(torch.device("cpu"), torch.float32)
    for part, is_, should in zip(("output", "data gradient", "weight gradient"), computed, expected, strict=True):
        error = float((is_ - should).norm() / should.norm())
        if not error <= SMALL[precision]:  # NaN too
            return f"the {part} of a small convolution in {precision} has a relative error of {error:.2g}"
    return None


def labels(count: int, environment: Mapping[str, str]) -> list[str]:
    """Return each GPU's number, as the machine counts them where that is known."""
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return visible if len(visible) == count and all(visible) else [str(index) for index in range(count)]


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, from the library that comes with it; none where that is not known."""
    found = ctypes.create_string_buffer(96)
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        if library.nvmlInit_v2() or library.nvmlSystemGetDriverVersion(found, len(found)):
            return None
    except (OSError, AttributeError):
        return None
    return found.value.decode(errors="replace") or None


def known_to_driver(torch: Any) -> str | None:
    """Return the newest CUDA that the driver knows; none where there is no driver."""
    number = torch._C._cuda_getDriverVersion() if torch.version.cuda else 0
    return f"{number // 1000}.{number % 1000 // 10}" if number > 0 else None


def cudnn_version(torch: Any) -> str | None:
    """Return the version of cuDNN or MIOpen as people write it; none where there is none."""
    number = torch.backends.cudnn.version()
    if number is None or torch.version.hip:
        return number and str(number)
    large = 10_000 if number >= 90_000 else 1_000  # from version 9 on the minor one has two digits
    return f"{number // large}.{number % large // 100}.{number % 100}"


def reason(error: Exception) -> str:
    """Return what an error says, without the advice that CUDA adds in lines of its own."""
    text = next(iter(str(error).strip().splitlines()), "")
    return text if isinstance(error, RuntimeError | AssertionError) and text else f"{type(error).__name__}: {text}"


if __name__ == "__main__":
    main()
