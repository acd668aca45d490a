"""What the GPUs of a node are and whether they compute, found by a process of its own.

CUDA is never started in the process that asks: a context takes memory from trials for as long as the process lives, is
lost on processes that fork from it, and may hang or crash where a driver or a GPU is at fault.
"""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Literal

from simcvd.config import TrialConfig

PROBE: Final = Path(__file__).with_name("gpu_probe.py")
QUIET_S = 60.0
"""A GPU that says nothing for so long does not answer; the first convolution takes a few seconds."""

TOTAL_S = 180.0
MOST_CONFIGS: Final = 16
SILENT: Final = "no answer"


@dataclass(frozen=True)
class GpuTask:
    """What the GPUs of a node are asked beside whether they compute.

    Attributes:
        configs: pickled settings, one of each kind of trial whose convolutions are to be right in bfloat16.
        image_channels: I, channels of the image.
        classes: C, classes with background.
    """

    configs: tuple[bytes, ...] = ()
    image_channels: int = 1
    classes: int = 2


@dataclass(frozen=True)
class GpuDevice:
    """One GPU.

    Attributes:
        label: its number on the machine.
        name: as the driver calls it.
        capability: compute capability, such as `9.0`.
        error: why it can't compute.
        bfloat16: `absent` where the GPU has no such arithmetic, `unknown` where it could not be looked at.
        bfloat16_told: what is wrong, or why it is not known.
        memory_bytes: all that it has; none where that is not known.
    """

    label: str
    name: str = "unknown"
    capability: str | None = None
    error: str | None = None
    bfloat16: Literal["right", "wrong", "absent", "unknown"] = "unknown"
    bfloat16_told: str = ""
    memory_bytes: int | None = None


@dataclass(frozen=True)
class GpuReport:
    """What the GPUs of a node are.

    Attributes:
        toolkit: what torch is built for, such as `CUDA 12.6`; none where it is built for no GPU.
        architectures: GPUs that this torch has kernels for, such as `sm_90`.
        driver: the driver's version.
        driver_knows: the newest CUDA that the driver knows.
        cudnn: version of cuDNN.
        cudnn_error: why torch can't use it.
        devices: the GPUs that processes there can see.
        error: what ended the look before all of them were seen.
    """

    toolkit: str | None = None
    architectures: tuple[str, ...] = ()
    driver: str | None = None
    driver_knows: str | None = None
    cudnn: str | None = None
    cudnn_error: str | None = None
    devices: tuple[GpuDevice, ...] = ()
    error: str | None = None


def gpu_task(configs: Iterable[TrialConfig], image_channels: int, classes: int) -> GpuTask:
    """Return a task with settings of each kind of trial that may run in bfloat16, by what shapes its convolutions."""
    kinds: dict[tuple[object, ...], TrialConfig] = {}
    for config in configs:
        training, network = config.training, config.network
        made = (network.name, getattr(config, network.name, None), network.width, network.strides)
        shape = (*made, config.data.crop_vox, config.inference.batch_windows)
        if training.precision != "float32":
            kinds.setdefault((*shape, config.labeled_crops, training.batch_unlabeled, config.method), config)
    packed = [pickle.dumps(config) for config in list(kinds.values())[:MOST_CONFIGS]]
    return GpuTask(tuple(packed), image_channels, classes)


def ask_gpus(task: GpuTask, probe: Path = PROBE) -> GpuReport:
    """Try all GPUs that processes of this node can see, in a process of its own.

    Args:
        task: what to ask beside.
        probe: the script that tries them.
    """
    with TemporaryFile() as asked, TemporaryFile() as told, TemporaryFile() as stray:
        content = {"limit_s": TOTAL_S, "image_channels": task.image_channels, "classes": task.classes}
        pickle.dump(content | {"configs": task.configs}, asked)
        asked.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-P", str(probe)],
            stdin=asked,
            stdout=told,
            stderr=stray,
            # What this process imports, that one finds: Ray's processes may have paths of their own.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            answered = _wait(process, told)
        finally:
            _end(process)
        told.seek(0)
        stray.seek(0)
        lines = told.read().decode(errors="replace").splitlines()
        return _report(_facts(lines), _why_early(process.returncode, stray.read()) if answered else SILENT)


def _wait(process: "subprocess.Popen[bytes]", told: IO[bytes]) -> bool:
    """Wait for the end of the process; tell whether it came before the time was over."""
    started = heard = time.monotonic()
    size = 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return True
        now, before = time.monotonic(), size
        size = os.fstat(told.fileno()).st_size
        if size != before:
            heard = now
        if now - heard > QUIET_S or now - started > TOTAL_S:
            return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    with suppress(subprocess.TimeoutExpired):  # one that hangs in a driver may not go, and must not be waited for
        process.wait(2)


def _facts(lines: Iterable[str]) -> list[dict[str, Any]]:
    facts = []
    for line in lines:
        with suppress(ValueError):  # cut off
            found = json.loads(line)
            if isinstance(found, dict):
                facts.append(found)
    return facts


def _why_early(code: int | None, stray: bytes) -> str:
    last = stray.decode(errors="replace").strip().splitlines()[-1:]
    end = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return f"it ended with {end}" + (f": {last[0][:200]}" if last else "")


def _report(facts: Iterable[Mapping[str, Any]], why_early: str) -> GpuReport:
    """Put together what was told; what was left untold at an early end is put down to where it ended."""
    whole: dict[str, Any] = {}
    devices: dict[int, dict[str, Any]] = {}
    for found in facts:
        about = devices.setdefault(found["device"], {}) if "device" in found else whole
        about |= {key: value for key, value in found.items() if key != "device"}
    ended, stopped = bool(whole.pop("ended", False)), whole.get("error") or why_early
    untried = [found for found in devices.values() if "error" not in found]
    for found in untried:
        found["error"] = stopped
    if ended or (devices and not untried):
        # All GPUs compute, or say why not: an end after that leaves only open what their bfloat16 is.
        for found in devices.values():
            found.setdefault("bfloat16_told", stopped if "bfloat16" not in found else "")
    else:
        whole["error"] = stopped
    whole["architectures"] = tuple(whole.get("architectures", ()))
    return GpuReport(**whole, devices=tuple(GpuDevice(**devices[index]) for index in sorted(devices)))
