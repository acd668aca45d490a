"""The child that does training steps in one way, and how ways are compared."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from training_step import make_batch, make_contiguous, step
from usual_sdm import usual_sdm

from gpu_sections.bench import QUIET, Bench
from gpu_sections.children import Recipe, stepper
from gpu_sections.loop import Loop
from simcvd.methods.registry import create
from simcvd.training.precision import Precision, choose_precision

WARM_UP = 3


def serve(bench: Bench, given: Mapping[str, Any]) -> None:
    """Do as many steps as each line of the standard input says, until it ends."""
    begun = time.perf_counter()
    do = _worker(bench, Recipe(**given["recipe"]))
    do(range(1))
    bench.sync()
    first = time.perf_counter() - begun
    do(range(1, WARM_UP))
    bench.sync()
    reserved = torch.cuda.memory_reserved(bench.device) if bench.device.type == "cuda" else None
    _answer(first_step_s=first, peak_bytes=bench.peak(), reserved_bytes=reserved)
    done = WARM_UP
    for line in sys.stdin:
        steps = range(done, done + int(line))
        started = time.perf_counter()
        do(steps)
        bench.sync()
        _answer(seconds=time.perf_counter() - started)
        done = steps.stop


def compare(bench: Bench, recipes: Mapping[str, Recipe], rounds: int, steps: int) -> None:
    """Time ways in turns, A B C C B A, each in a process of its own; the first is what the others are compared with."""
    times: dict[str, list[float]] = {}
    ready: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        children = {name: stack.enter_context(stepper(bench, recipe)) for name, recipe in recipes.items()}
        for name, one in children.items():
            with bench.attempt(way=name):
                ready[name] = one.answer()
                times[name] = []
        for number in range(rounds):
            for name in list(times)[:: -1 if number % 2 else 1]:
                times[name].append(children[name].seconds(steps))
    base = next(iter(times))
    for name, own in times.items():
        bench.figure(
            "step_seconds",
            statistics.median(own),
            "s",
            way=name,
            to_first=statistics.median(own) / statistics.median(times[base]),
            fastest=min(own),
            slowest=max(own),
            **ready[name],
        )


def _answer(**numbers: Any) -> None:
    print(json.dumps(numbers), flush=True)


def _worker(bench: Bench, recipe: Recipe) -> Callable[[range], None]:
    """Return what does some steps."""
    torch.backends.cudnn.benchmark = recipe.cudnn_benchmark
    if recipe.precision == "tf32":
        torch.backends.cudnn.allow_tf32 = True
    config = bench.config(recipe.preset, {**QUIET, "training.compile": recipe.compile})
    if recipe.loop:
        return Loop(bench, config).do
    name = "float32" if recipe.precision == "tf32" else recipe.precision
    precision = choose_precision("auto", bench.device) if name == "auto" else Precision(name, bench.device.type)
    method = create(config, 1, 2)
    method.networks.to(bench.device)
    if recipe.contiguous:
        make_contiguous(method)
    batch = make_batch(config.data.crop_vox, config.training.batch_labeled, bench.device)

    def do(steps: range) -> None:
        for number in steps:
            own = batch
            if recipe.maps_each_step:
                maps = np.stack([usual_sdm(label)[None] for label in batch.label.cpu().numpy()])
                own = replace(batch, sdm=torch.from_numpy(maps).to(bench.device))
            step(method, own, number, precision)

    return do
