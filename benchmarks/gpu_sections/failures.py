"""Sections `memory` and `assert`: what torch says when memory runs out or a kernel fails, and what works afterwards."""

import functools
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import h5py
import torch

from gpu_sections.bench import QUIET, Bench
from gpu_sections.children import relay
from simcvd.device_errors import gpu_fault, is_out_of_memory
from simcvd.errors import UserError
from simcvd.training.environment import choose_device
from simcvd.training.run import TrainingFailed, run_training

LEFT_FREE = 12 * 2**30
"""Bytes of the device that the trial that is too large finds."""


def measure_memory(bench: Bench) -> None:
    """A trial whose crops don't fit, in a process of its own, and a normal one after it."""
    bench.data()
    bench.figure("exit_code", relay(bench, "memory"), "", child="memory")


def run_out(bench: Bench, given: Mapping[str, Any]) -> None:
    """Fail for want of memory, then train a normal trial in the same process."""
    blocker, held = None, 0
    large: dict[str, dict[str, Any]] = {"crops too large": {"data.crop_vox": [1 << 20] * 3}}  # for any address space
    if bench.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(bench.device)
        blocker = torch.empty(max(free - LEFT_FREE, 0), dtype=torch.uint8, device=bench.device)
        held = blocker.nbytes
        many = {"training.batch_labeled": 24, "training.batch_unlabeled": 24}
        # In bfloat16 the check of the convolutions comes first and may be what finds no memory.
        large = {"too many crops": many, "too many crops, float32": {**many, "training.precision": "float32"}}
    for name, changes in large.items():
        _fail(bench, name, changes)
        bench.free()
        if bench.device.type == "cuda":
            left = torch.cuda.memory_allocated(bench.device) - held
            reserved = torch.cuda.memory_reserved(bench.device) - held
            bench.figure("bytes_left_behind", left, "bytes", reserved=reserved, trial=name)
    started = time.perf_counter()
    outcome = run_training(_config(bench, {}), bench.data(), bench.folder / "normal", device=str(bench.device))
    bench.figure("normal_trial_after_it", outcome.steps, "steps", seconds=time.perf_counter() - started)
    del blocker


def _fail(bench: Bench, name: str, changes: Mapping[str, Any]) -> None:
    """Train what does not fit, and tell what becomes of it."""
    try:
        run_training(_config(bench, changes), bench.data(), bench.folder / name, device=str(bench.device))
        bench.figure("too_large", "it trained", "", trial=name)
    except TrainingFailed as failed:
        bench.figure("too_large", failed.kind, "", trial=name, message=str(failed), cause=_told(failed.__cause__))
    except Exception as error:
        bench.error(error, trial=name)


def _config(bench: Bench, changes: Mapping[str, Any]) -> Any:
    short: dict[str, Any] = {**QUIET, "training.steps": 2}
    if not bench.tiny:
        short["inference.stride_vox"] = [112, 112, 80]
    return bench.config("la", {**short, **changes})


def measure_assert(bench: Bench) -> None:
    """Errors in processes of their own: which class and text torch raises, and that the process ends."""
    broken = bench.folder / "broken"
    if not broken.exists():
        shutil.copytree(bench.data(), broken)
        for path in (broken / "cases").iterdir():
            with h5py.File(path, "r+") as file:
                file["label"][...] = file["label"][...] + 100
    for kind, breaks in BROKEN.items():
        started = time.perf_counter()
        code = relay(bench, "break", kind=kind)
        bench.figure("exit_code", code, "", child=", ".join(breaks), seconds=time.perf_counter() - started)


def break_things(bench: Bench, given: Mapping[str, Any]) -> None:
    """Break one thing after the other, tell what is raised, then what works afterwards."""
    for name, work in BROKEN[given["kind"]].items():
        _tell(bench, name, functools.partial(work, bench))
        _tell(bench, f"{name}, then synchronize", bench.sync)
        _tell(bench, f"{name}, then free the cache", bench.free)
        _tell(bench, f"{name}, then compute", lambda: torch.ones(2, device=bench.device).sum().item())


def _wrong_label(bench: Bench) -> None:
    """Train on a data set whose labels are out of range."""
    run_training(_config(bench, {}), bench.folder / "broken", bench.folder / "wrong", device=str(bench.device))


def _wrong_index(bench: Bench) -> None:
    place = torch.tensor([5], device=bench.device)
    torch.zeros(3, device=bench.device)[place].sum().item()


def _huge(bench: Bench) -> None:
    torch.empty(1 << 52, dtype=torch.uint8, device=bench.device)


def _no_such_device(bench: Bench) -> None:
    try:
        choose_device("cuda:99")
    except UserError as error:
        bench.figure("user_error", str(error), "")
    torch.zeros(1, device="cuda:99")


BROKEN: dict[str, dict[str, Callable[[Bench], None]]] = {
    "training": {"a label out of range in training": _wrong_label},
    # The last one leaves its process without the device.
    "small": {
        "too large a tensor": _huge,
        "no such device": _no_such_device,
        "an index out of range": _wrong_index,
    },
}
"""What is broken in one process."""


def _tell(bench: Bench, what: str, work: Callable[[], object]) -> None:
    try:
        work()
        bench.figure("raised", None, "", what=what)
    except Exception as error:
        bench.figure("raised", _told(error), "", what=what)


def _told(error: BaseException | None) -> dict[str, Any] | None:
    if error is None:
        return None
    classes = [each.__name__ for each in type(error).__mro__ if each not in {object, BaseException}]
    text = " ".join(str(error).split())[:1000]
    fault = gpu_fault(error)
    return {
        "classes": classes,
        "text": text,
        "code": getattr(error, "error_code", None),
        "taken_for_out_of_memory": is_out_of_memory(error),
        "taken_for_fault": fault and asdict(fault),
    }
