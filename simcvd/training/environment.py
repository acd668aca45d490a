"""Where a trial ran: versions, device and commit, for `environment.json`."""

import os
import platform
import re
import subprocess
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from simcvd.errors import UserError
from simcvd.host_memory import keep_freed

PACKAGES = ("simcvd", "torch", "ray", "optuna", "numpy", "scipy", "h5py", "edt")


def choose_device(wanted: str) -> torch.device:
    """Return the device called `wanted` with its number, and make it ready: current, and float32 without TF32.

    Tensors on a device name its number, so a device without one equals none of theirs. Current, because torch puts
    events, streams and pinned memory on the current device where it is not told otherwise. TF32 rounds to 10 bits what
    is called float32, on some GPUs and not on others. On the CPU the process keeps the memory it frees, for speed.

    Args:
        wanted: `auto` or `cuda`, the first CUDA device (`auto`: the CPU where there is none), `cuda:N` or `cpu`.

    Raises:
        UserError: no such device here.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"There is no device '{wanted}'; expected auto, cpu, cuda or cuda:N.") from error
    if device.type not in {"cpu", "cuda"}:
        raise UserError(f"The device '{wanted}' is not supported; expected auto, cpu, cuda or cuda:N.")
    if device.type == "cpu":
        keep_freed()
        return torch.device("cpu")
    index = device.index or 0
    if index >= torch.cuda.device_count():
        raise UserError(
            f"The device '{wanted}' was asked for, but this machine shows {torch.cuda.device_count()} CUDA devices."
        )
    try:
        torch.cuda.set_device(index)
    except RuntimeError as error:
        raise UserError(f"The device '{wanted}' can't be used: {_first_sentence(error)}") from error
    with warnings.catch_warnings():
        # Some versions of torch advise newer switches, which others lack, and which must not be mixed with these.
        warnings.filterwarnings("ignore", message=".*new API settings to control TF32")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda", index)


def describe_environment(
    device: torch.device, precision: str, workers: int, plugins: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what a reader needs to run the trial again, in JSON types."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "device": str(device),
        "device_name": name,
        **(_cuda_facts() if device.type == "cuda" else {}),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "workers": workers,
        "git_commit": git_commit(),
        **({"plugins": dict(plugins)} if plugins else {}),
    }


def git_commit() -> str | None:
    """Return the commit of the checkout that this package runs from, if it runs from one."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver on this Linux machine; none where there is no such driver."""
    try:
        line = Path("/proc/driver/nvidia/version").read_text().splitlines()[0]
    except (OSError, IndexError):
        return None
    found = re.search(r"\s(\d+\.\d+[.\d]*)\s", line)
    return found.group(1) if found else None


def _cuda_facts() -> dict[str, Any]:
    return {
        "cuda": torch.version.cuda or torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "driver": driver_version(),
        "tf32": torch.backends.cudnn.allow_tf32,
    }


def _first_sentence(error: Exception) -> str:
    """Return what an error says, without the advice that CUDA adds in lines of its own."""
    return str(error).strip().splitlines()[0].rstrip(".") + "."


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
