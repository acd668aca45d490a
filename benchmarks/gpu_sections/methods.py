"""Section `methods`: what every method's step costs, how much memory it takes and where it waits for the device."""

import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from method_costs import stages

from gpu_sections.bench import QUIET, Bench
from gpu_sections.loop import Loop
from simcvd.methods.registry import METHODS

_ROOT = Path(__file__).parents[2]
_WAITED = "called a synchronizing CUDA operation"


def measure(bench: Bench) -> None:
    """Each method in the real loop: places where it waits for the device, peak memory, seconds a step."""
    for name in METHODS:
        with bench.attempt(method=name):
            _measure_method(bench, name)
    bench.lacks_cuda("peak_bytes", "waits")


def _measure_method(bench: Bench, name: str) -> None:
    loop = Loop(bench, bench.config("la", {**QUIET, "method": name}))
    for number, (first, share) in enumerate(stages(loop.method).items()):
        _measure_stage(bench, loop, first, {"method": name, "stage": number, "share_of_run": share})
    if name == "simcvd" and bench.device.type == "cuda":
        bench.peak(reset=True)
        loop.do(range(2), norms=True)
        bench.figure("peak_bytes", bench.peak(), "bytes", method=name, with_gradient_norms=True)


def _measure_stage(bench: Bench, loop: Loop, first: int, depends: dict[str, Any]) -> None:
    """Do steps of one stage: some to warm up, some whose waits are counted, some that are timed."""
    warm_up, watched, timed = (1, 1, 1) if bench.tiny else (3, 3, 12)
    loop.do(range(first, first + warm_up))
    if bench.device.type == "cuda":
        with waits() as places:
            loop.do(range(first, first + watched))
        for place, count in places.most_common():
            bench.figure("waits", count / watched, "a step", place=place, **depends)
        bench.figure("waits_of_all_places", sum(places.values()) / watched, "a step", **depends)
        bench.peak(reset=True)
    bench.sync()
    started = time.perf_counter()
    loop.do(range(first, first + timed))
    bench.sync()
    bench.figure("step_seconds", (time.perf_counter() - started) / timed, "s", **depends)
    if bench.device.type == "cuda":
        held = torch.cuda.memory_allocated(bench.device)
        bench.figure("peak_bytes", bench.peak(), "bytes", between_steps=held, with_gradient_norms=False, **depends)


@contextmanager
def waits() -> Iterator[Counter[str]]:
    """Count, by place in our code and thread, whatever makes the host wait for the device inside the `with` block."""
    places: Counter[str] = Counter()

    def note(message: Warning | str, *others: Any, **more: Any) -> None:
        if _WAITED not in str(message):
            return
        frames = [frame for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(_ROOT / "simcvd")]
        where = "outside of simcvd"
        if frames:
            where = f"{Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno} {frames[-1].line}"
        places[f"{where} ({threading.current_thread().name})"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode("default")
