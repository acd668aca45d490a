"""Sections `step`, `compile`, `two` and `profile`: what one step of SimCVD costs, and where the time goes."""

import json
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gpu_sections.bench import QUIET, Bench
from gpu_sections.children import Recipe, stepper
from gpu_sections.loop import Loop
from gpu_sections.stepping import compare

WAYS = {
    "ours": Recipe(),
    "contiguous": Recipe(contiguous=True),
    "float32": Recipe(precision="float32"),
    "the public way": Recipe(precision="float32", contiguous=True, maps_each_step=True),
}
CUDA_WAYS = {
    "cudnn.benchmark": Recipe(cudnn_benchmark=True),
    "TF32": Recipe(precision="tf32"),
    "float32, contiguous": Recipe(precision="float32", contiguous=True),
    "the public way, TF32": Recipe(precision="tf32", contiguous=True, maps_each_step=True),
}


def measure_step(bench: Bench) -> None:
    """SimCVD's step: memory formats, arithmetics, cudnn.benchmark, and the public way beside them."""
    ways = WAYS
    if not bench.lacks_cuda(*CUDA_WAYS):
        ways = WAYS | CUDA_WAYS
    compare(bench, ways, *((2, 1) if bench.tiny else (6, 3)))


def measure_compile(bench: Bench) -> None:
    """torch.compile against eager: seconds until the first step is done, seconds a step."""
    if bench.device.type == "cpu":
        bench.skip("step_seconds", "takes minutes on a CPU", way="compiled")
        return
    compare(bench, {"eager": Recipe(), "compiled": Recipe(compile=True)}, *((2, 1) if bench.tiny else (4, 5)))


def measure_two(bench: Bench) -> None:
    """Two trials side by side on one device against one alone."""
    bench.data()  # made before the children look for it
    for preset, steps in (("la", 10), ("phantom", 100)):
        with bench.attempt(preset=preset):
            _measure_two(bench, preset, 2 if bench.tiny else steps)


def _measure_two(bench: Bench, preset: str, steps: int) -> None:
    recipe = Recipe(preset=preset, loop=True)
    alone, together = [], []
    free = bench.free_bytes()
    with ExitStack() as stack:
        pair = [stack.enter_context(stepper(bench, recipe)) for _ in range(2)]
        reserved = [one.answer()["reserved_bytes"] for one in pair]
        if free is not None:
            own = (free - (bench.free_bytes() or 0) - sum(reserved)) / len(pair)
            bench.figure("outside_torchs_allocator", own, "bytes a process", preset=preset)
        for _ in range(2 if bench.tiny else 3):
            alone.append(pair[0].seconds(steps))
            for one in pair:
                one.start(steps)
            together.append(max(float(one.answer()["seconds"]) for one in pair) / steps)
    apart, beside = statistics.median(alone), statistics.median(together)
    bench.figure(
        "throughput_of_two", 2 * apart / beside, "times one", preset=preset, alone_s=apart, side_by_side_s=beside
    )


def measure_profile(bench: Bench) -> None:
    """Where a step's time goes: shares of the device's time by kind of work, and the share in which it has none."""
    loop = Loop(bench, bench.config("la", QUIET))
    steps = 1 if bench.tiny else 4
    loop.do(range(3))
    with FlopCounterMode(display=False) as counter:
        loop.do(range(3, 4))
    bench.figure("operations", counter.get_total_flops(), "FLOP a step", of="convolutions and matrix products")
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if bench.device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    bench.sync()
    started = time.perf_counter()
    with torch.profiler.profile(activities=kinds) as profile:
        loop.do(range(4, 4 + steps))
        bench.sync()
    seconds = (time.perf_counter() - started) / steps
    own = "self_device_time_total" if bench.device.type == "cuda" else "self_cpu_time_total"
    _tell_shares(bench, {event.key: getattr(event, own) / steps for event in profile.key_averages() if _is_work(event)})
    if not bench.lacks_cuda("idle_share"):
        worked, whole, kernels = busy(profile)
        bench.figure("idle_share", 1 - worked / whole, "", kernels_a_step=kernels / steps, step_seconds=seconds)


def _is_work(event: Any) -> bool:
    """Tell operators from the kernels and annotations that belong to them, which would count twice."""
    return str(event.device_type) == "DeviceType.CPU" and str(event.key).startswith("aten::")


def _tell_shares(bench: Bench, microseconds: dict[str, float]) -> None:
    whole = sum(microseconds.values())
    shares: dict[str, float] = defaultdict(float)
    for name, own in microseconds.items():
        shares[kind_of(name)] += own / whole
    for kind, share in sorted(shares.items(), key=lambda item: -item[1]):
        bench.figure("share_of_time", share, "", kind=kind)
    for name in sorted(microseconds, key=lambda name: -microseconds[name])[:20]:
        bench.figure("operator_seconds", microseconds[name] / 1e6, "s a step", operator=name)


def kind_of(operator: str) -> str:
    """Return the kind of work of an operator.

    >>> kind_of("aten::cudnn_batch_norm_backward"), kind_of("aten::_foreach_add_"), kind_of("aten::add_")
    ('batch norm', 'optimiser and averages', 'elementwise')
    """
    name = operator.removeprefix("aten::")
    if "batch_norm" in name:
        return "batch norm"
    if "conv" in name:
        return "convolution"
    if name.startswith(("_foreach", "_fused")):
        return "optimiser and averages"
    if name in {"copy_", "clone", "cat", "fill_", "zero_"}:
        return "copies"
    if name in {"mm", "addmm", "bmm", "baddbmm"}:
        return "matrix products"
    if any(word in name for word in ("softmax", "sum", "mean", "norm", "pool", "nll", "max", "min")):
        return "reductions"
    return "elementwise"


def busy(profile: Any) -> tuple[float, float, int]:
    """Return the microseconds in which the device worked, those from its first work to its last, and the kernels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    work = [one for one in events if one.get("cat") in {"kernel", "gpu_memcpy", "gpu_memset"}]
    spans = sorted((float(one["ts"]), float(one["ts"]) + float(one["dur"])) for one in work)
    return covered(spans), max(end for _, end in spans) - spans[0][0], len(work)


def covered(spans: list[tuple[float, float]]) -> float:
    """Return the length that spans cover together, sorted by their beginning.

    >>> covered([(0, 2), (1, 3), (5, 6)])
    4
    """
    total, reached = 0.0, spans[0][0]
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
