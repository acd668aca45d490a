"""What the figures are measured on."""

import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import torch
from pairs import about_machine

from gpu_sections.bench import Bench

_ASKED = "name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,power.limit,temperature.gpu"


def describe(bench: Bench, told: list[str]) -> None:
    """Tell the machine, and how fast it is at what it is best at.

    Args:
        bench: the run.
        told: what torch warned of when the device was chosen.
    """
    about = about_machine(
        device=bench.device, tiny=bench.tiny, python=platform.python_version(), torch=torch.__version__
    )
    name = about["processor"]
    if bench.device.type == "cuda":
        name = torch.cuda.get_device_name(bench.device)
        about |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "nvidia_smi": _nvidia_smi()}
        about["capability"] = torch.cuda.get_device_capability(bench.device)
    bench.figure("machine", name, "", **about, threads=torch.get_num_threads(), warned=told)
    if bench.lacks_cuda("matrix_product", "copy"):
        return
    side = 8192
    matrix = torch.randn(side, side, device=bench.device).bfloat16()
    bench.figure("matrix_product", 2 * side**3 / _seconds(bench, lambda: matrix @ matrix), "FLOP/s", dtype="bfloat16")
    bytes_ = torch.empty(2**32, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(bytes_)
    seconds = _seconds(bench, lambda: target.copy_(bytes_))
    bench.figure("copy", 2 * bytes_.nbytes / seconds, "bytes/s", note="read and written")


def _seconds(bench: Bench, work: Callable[[], object]) -> float:
    for _ in range(3):
        work()
    bench.sync()
    started = time.perf_counter()
    for _ in range(10):
        work()
    bench.sync()
    return (time.perf_counter() - started) / 10


def _nvidia_smi() -> str | None:
    command = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return None
