"""What a step of every method costs, relative to `supervised`, and how much memory it needs.

In each round every method does one step of each of its stages, so that a busy machine slows all alike; stages count by
their share of a whole run. Memory is the peak of a fresh process that does two steps of each stage. The default crop is
small enough for a minute; the Left Atrium's is `--crop 112x112x80`.
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from statistics import mean

import torch
from pairs import about_machine, parser, sides
from resident import resident_peak
from training_step import make_batch, step

from simcvd.config import from_mapping
from simcvd.methods.base import Method
from simcvd.methods.registry import METHODS, create
from simcvd.training.environment import choose_device
from simcvd.training.precision import choose_precision

STEPS = 6000
BASE = "supervised"


def make_method(name: str, given: Namespace, device: torch.device) -> Method:
    """Build a method at its default settings."""
    settings = {"data.crop_vox": list(given.crop), "inference.stride_vox": [1, 1, 1], "network.width": given.width}
    method = create(from_mapping({**settings, "method": name, "training.steps": STEPS}), 1, 2)
    method.networks.to(device)
    return method


def stages(method: Method) -> dict[int, float]:
    """Return the first step of each stage, told apart by the optimisers that act, and its share of the run."""
    acting = [frozenset(map(id, method.stepping(step))) for step in range(STEPS)]
    return {acting.index(stage): count / STEPS for stage, count in Counter(acting).items()}


def time_steps(names: list[str], given: Namespace) -> dict[str, list[float]]:
    """Return each method's seconds a step, one of each round."""
    device = choose_device(given.device)
    precision = choose_precision(given.precision, device)
    batch = make_batch(given.crop, given.batch, device)
    methods = {name: make_method(name, given, device) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, given.repeats):  # the first round warms up
        for name, method in methods.items():
            seconds = 0.0
            for first, share in stages(method).items():
                start = time.perf_counter()
                step(method, batch, first, precision)  # ends with a number on the host
                seconds += share * (time.perf_counter() - start)
            if number >= 0:
                times[name].append(seconds)
    return times


def peak_gib(given: Namespace) -> float:
    """Do two steps of each stage of a method; return the peak: of the GPU's memory, or this process's on the CPU."""
    device = choose_device(given.device)
    precision = choose_precision(given.precision, device)
    method = make_method(given.peak_of, given, device)
    batch = make_batch(given.crop, given.batch, device)
    for first in stages(method):
        for _ in range(2):
            step(method, batch, first, precision)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resident_peak() / 2**30


def peak_of(name: str) -> float:
    """Return what `peak_gib` says in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--peak-of", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--crop", type=sides, default=(32, 32, 32), help="voxels of a crop")
    arguments.add_argument("--batch", type=int, default=2, help="labelled crops, and as many unlabelled ones")
    arguments.add_argument("--width", type=int, default=16, help="channels of the V-Net's first level")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    arguments.add_argument("--threads", type=int, default=None, help="threads of torch")
    arguments.add_argument("--methods", default=None, help="names separated by commas; default: all")
    arguments.add_argument("--peak-of", default=None, help="print one method's peak memory in GiB and end")
    given = arguments.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.peak_of:
        print(peak_gib(given))
        return
    names = [BASE, *(name for name in (given.methods or ",".join(METHODS)).split(",") if name != BASE)]
    times = time_steps(names, given)
    peaks = {name: peak_of(name) for name in names}
    machine = about_machine(device=choose_device(given.device), threads=torch.get_num_threads())
    if given.json:
        print(json.dumps({"machine": machine, "seconds": times, "peak_gib": peaks}, indent=1, default=str))
        return
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    print(f"{given.batch} + {given.batch} crops of {'x'.join(map(str, given.crop))}, width {given.width}")
    print(f"{'method':14} {'ms a step':>10} {'to ' + BASE:>14} {'peak, GiB':>10}")
    for name in names:
        ratio = mean(own / base for own, base in zip(times[name], times[BASE], strict=True))
        print(f"{name:14} {mean(times[name]) * 1e3:10.1f} {ratio:13.2f}x {peaks[name]:10.2f}")


if __name__ == "__main__":
    main()
