"""Sections `checkpoint` and `resume`: what a checkpoint costs, and how like a resumed trial is to one in a piece."""

import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file

from gpu_sections.bench import QUIET, Bench
from gpu_sections.loop import Loop
from simcvd.inference.weights import WEIGHTS_FILE
from simcvd.training.checkpoint import CheckpointWriter, Progress, load_checkpoint
from simcvd.training.interruption import Interrupted
from simcvd.training.run import run_training


def measure_checkpoint(bench: Bench) -> None:
    """A checkpoint of SimCVD: bytes, seconds until it is written, seconds that the loop waits, seconds to load it."""
    loop = Loop(bench, bench.config("la", QUIET))
    path = bench.folder / "checkpoint" / "last.pt"
    writer = CheckpointWriter(path, loop.method, "none")
    waits, written = [], []
    for number in range(4 if bench.tiny else 8):
        loop.do(range(number, number + 1))
        bench.sync()
        started = time.perf_counter()
        writer.save(Progress(number, 0.0))
        waits.append(time.perf_counter() - started)
        writer.finish()
        written.append(time.perf_counter() - started)
    bench.figure("checkpoint_bytes", path.stat().st_size, "bytes")
    # The first one finds no pinned memory to use again.
    bench.figure("loop_waits", statistics.median(waits[1:]), "s", first=waits[0])
    bench.figure("written_after", statistics.median(written[1:]), "s", first=written[0])
    _beside_steps(bench, writer, loop)
    started = time.perf_counter()
    load_checkpoint(path, loop.method, "none")
    bench.sync()
    bench.figure("loaded_in", time.perf_counter() - started, "s")


def _beside_steps(bench: Bench, writer: CheckpointWriter, loop: Loop) -> None:
    """Tell how much longer steps take while a checkpoint is written, in turns with steps beside none."""
    steps = range(10, 12 if bench.tiny else 20)
    times: dict[bool, list[float]] = {True: [], False: []}
    for saving in [True, False, False, True] * (1 if bench.tiny else 2):
        bench.sync()
        started = time.perf_counter()
        if saving:
            writer.save(Progress(0, 0.0))
        loop.do(steps)
        bench.sync()
        times[saving].append(time.perf_counter() - started)
        writer.finish()
    with_one, without = statistics.median(times[True]), statistics.median(times[False])
    bench.figure("training_loses", with_one - without, "s a checkpoint", steps=len(steps), seconds_without=without)


def measure_resume(bench: Bench) -> None:
    """Weights after a trial in one piece against another one, and against one that stopped half way and went on."""
    bench.data()
    for mode in ("as usual", "deterministic algorithms"):
        with bench.attempt(mode=mode), _mode(bench, mode):
            whole = _train(bench, f"{mode}, whole", stop=False)
            for of, stop in (("the same trial again", False), ("a resumed trial", True)):
                other = _train(bench, f"{mode}, {of}", stop=stop)
                bench.figure("weights_differ", _difference(whole, other), "", of=of, mode=mode)


@contextmanager
def _mode(bench: Bench, mode: str) -> Iterator[None]:
    """Let torch prefer deterministic algorithms, where `mode` says so, and tell which operators have none."""
    if mode == "as usual":
        yield
        return
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
    finally:
        torch.use_deterministic_algorithms(False)
    texts = {str(one.message).partition(". ")[0][:200] for one in warned if "determinis" in str(one.message)}
    bench.figure("without_deterministic_algorithm", sorted(texts), "")


def _train(bench: Bench, name: str, *, stop: bool) -> Path:
    """Train a short trial, in two sessions if it is to stop."""
    steps = 4 if bench.tiny else 20
    config = bench.config(
        "la", {**QUIET, "training.steps": steps, "inference.stride_vox": [32, 16, 16] if bench.tiny else [112, 112, 80]}
    )
    trial = bench.folder / name
    if stop:
        asked = iter([*[False] * (steps // 2 - 1), True])
        try:
            run_training(config, bench.data(), trial, device=str(bench.device), should_stop=lambda: next(asked, True))
            raise AssertionError("the trial did not stop")
        except Interrupted as stopped:
            bench.figure("stopped", str(stopped), "")
    started = time.perf_counter()
    run_training(config, bench.data(), trial, device=str(bench.device))
    bench.figure("trial_seconds", time.perf_counter() - started, "s", trial=name, steps=steps)
    return trial


def _difference(one: Path, other: Path) -> dict[str, float]:
    """Return the norm of the difference of two trials' student weights to the norm of the first, and the largest."""
    first, second = (load_file(trial / WEIGHTS_FILE) for trial in (one, other))
    mine, theirs = (torch.cat([tensor.double().reshape(-1) for tensor in each.values()]) for each in (first, second))
    return {
        "relative": float((mine - theirs).norm() / mine.norm()),
        "largest": float((mine - theirs).abs().max()),
        "share_equal": float((mine == theirs).double().mean()),
    }
