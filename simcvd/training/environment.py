"""Where a trial ran: versions, device and commit, for `environment.json`."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from simcvd.errors import UserError

PACKAGES = ("simcvd", "torch", "ray", "optuna", "numpy", "scipy", "h5py", "edt")


def choose_device(wanted: str) -> torch.device:
    """Return the device called `wanted`; `auto` is the first CUDA device, else the CPU.

    Raises:
        UserError: no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"There is no device '{wanted}'; expected auto, cpu, cuda or cuda:N.") from error
    if device.type not in {"cpu", "cuda"}:
        raise UserError(f"The device '{wanted}' is not supported; expected auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"The device '{wanted}' was asked for, but this machine shows {torch.cuda.device_count()} CUDA devices."
        )
    return device


def describe_environment(device: torch.device, precision: str, workers: int) -> dict[str, Any]:
    """Return what a reader needs to run the trial again, in JSON types."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "device": str(device),
        "device_name": name,
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "workers": workers,
        "git_commit": git_commit(),
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


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
