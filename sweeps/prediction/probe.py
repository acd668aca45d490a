"""Measure every cost class, each in a process of its own kind that may run out of memory without harm."""

import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from simcvd.config import TrialConfig
from simcvd.visible_gpus import hide_gpus
from sweeps.prediction.cost_class import inference_class, training_class
from sweeps.prediction.costs import Costs, InferenceCost, ProbeFailure, TrainingCost
from sweeps.resources.share import Placement

LIMIT_S = 20.0
"""Time a class; fewer steps are timed where they are slow."""

PATIENCE_S = 600.0
"""Time after which a measurement is ended and counts as failed."""

MOST_SIDE_BY_SIDE = 8
"""Processes that measure at a time: enough to see how much they disturb each other."""

Result = TrainingCost | InferenceCost | ProbeFailure


@dataclass(frozen=True)
class Task:
    """One measurement.

    Attributes:
        what: which one.
        key: the class that it is for.
        config: settings of one of its trials.
    """

    what: Literal["training", "inference"]
    key: str
    config: TrialConfig


@dataclass(frozen=True)
class Measuring:
    """How to measure, the same for all classes.

    Attributes:
        dataset: data set folder.
        device: what to measure on.
        threads: CPU threads for torch.
        workers: workers that share a batch.
        steps: steps to time.
        limit_s: time after which fewer do.
        gpu_share: the part of the GPU's memory that a trial will get.
    """

    dataset: Path
    device: Literal["cpu", "cuda"]
    threads: int
    workers: int
    steps: int
    limit_s: float = LIMIT_S
    gpu_share: float = 1.0

    def __call__(self, task: Task) -> Result:
        """Measure one class; whatever goes wrong is its result."""
        if self.device == "cpu":
            hide_gpus()
        from simcvd.gpu_memory import limit_memory
        from sweeps.prediction.measure import failure_of, measure_inference, measure_training

        try:
            limit_memory(self.gpu_share, self.device)
            if task.what == "inference":
                return measure_inference(
                    task.config, self.dataset, device=self.device, threads=self.threads, limit_s=self.limit_s
                )
            return measure_training(
                task.config,
                self.dataset,
                device=self.device,
                threads=self.threads,
                workers=self.workers,
                steps=self.steps,
                limit_s=self.limit_s,
            )
        except Exception as error:
            return failure_of(error, self.device, self.gpu_share)


def probe(
    configs: Sequence[TrialConfig],
    dataset: Path,
    placement: Placement,
    slots: int,
    *,
    steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> Costs:
    """Measure the classes of all trials, as many at a time as trials will share this machine's processors.

    Args:
        configs: settings of the trials.
        dataset: data set folder.
        placement: resources of a trial's worker.
        slots: trials side by side; on GPUs those that share one count.
        steps: steps to time of each class.
        progress: gets the number of classes measured and of all.
    """
    began = time.monotonic()
    tasks = tasks_of(configs)
    gpu = placement.gpus > 0
    together = int(1 / placement.gpus + 1e-9) if gpu else slots * placement.workers
    together = max(1, min(together, MOST_SIDE_BY_SIDE))
    measure = Measuring(
        dataset, "cuda" if gpu else "cpu", placement.cpus, placement.workers, steps, gpu_share=placement.gpus
    )
    # With fewer classes than trials side by side, some are measured twice, so that the machine is as busy.
    copies = -(-together // max(1, len(tasks)))
    results: dict[Task, list[Result]] = {task: [] for task in tasks}
    kinds = [task for task in tasks if task.what == "training"]

    def on_result(task: Task, result: Result) -> None:
        results[task].append(result)
        if progress is not None:
            progress(sum(len(results[kind]) == copies for kind in kinds), len(kinds))

    measure_all(measure, tasks * copies, together, on_result)
    found = {task: _slowest(each) for task, each in results.items()}
    return Costs(
        {t.key: r for t, r in found.items() if t.what == "training" and not isinstance(r, InferenceCost)},
        {t.key: r for t, r in found.items() if t.what == "inference" and not isinstance(r, TrainingCost)},
        time.monotonic() - began,
    )


def tasks_of(configs: Sequence[TrialConfig]) -> list[Task]:
    """Return a measurement for each class, in the order of the trials."""
    tasks: dict[tuple[str, str], Task] = {}
    for config in configs:
        for task in (
            Task("training", training_class(config), config),
            Task("inference", inference_class(config), config),
        ):
            tasks.setdefault((task.what, task.key), task)
    return list(tasks.values())


def _slowest(results: Sequence[Result]) -> Result:
    for result in results:
        if isinstance(result, ProbeFailure):
            return result
    return max(results, key=lambda cost: cost.window_s if isinstance(cost, InferenceCost) else cost.step_s)  # type: ignore[union-attr]


class _Worker:
    """A process that measures one class after the other."""

    def __init__(self, measure: Callable[[Task], Result], threads: int) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, measure, threads), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.give_up = math.inf

    def start(self, task: Task) -> None:
        self.task, self.give_up = task, math.inf
        with suppress(OSError):  # it has ended, which `result` tells
            self.connection.send(task)

    def result(self) -> Result | None:
        """Return what came of the task, if anything yet; the process may have ended over it."""
        try:
            if self.connection.poll():
                result: Result | None = self.connection.recv()
                if result is None:  # it is there, and starts now
                    self.give_up = time.monotonic() + PATIENCE_S
                return result
        except (EOFError, OSError):
            pass
        if not self.process.is_alive():
            code = self.process.exitcode
            return ProbeFailure(
                "lost", f"its process ended with code {code}, as one that takes more memory than is left"
            )
        if time.monotonic() > self.give_up:
            return ProbeFailure("too_slow", f"two steps took more than {PATIENCE_S:.0f} s")
        return None

    def end(self) -> None:
        self.process.terminate()
        self.process.join(5)
        self.connection.close()


def measure_all(
    measure: Measuring, tasks: Sequence[Task], together: int, on_result: Callable[[Task, Result], None]
) -> None:
    """Measure each task in one of `together` processes; one that is lost, hangs or has a broken GPU is replaced."""
    left, workers = deque(tasks), list[_Worker]()
    try:
        while left or workers:
            while left and len(workers) < together:
                workers.append(_Worker(measure, measure.threads))
                workers[-1].start(left.popleft())
            wait([thing for w in workers for thing in (w.connection, w.process.sentinel)], timeout=1)
            for worker in list(workers):
                result = worker.result()
                if result is None:
                    continue
                assert worker.task is not None
                on_result(worker.task, result)
                healthy = not isinstance(result, ProbeFailure) or result.kind not in {"lost", "too_slow", "gpu_error"}
                if left and healthy:
                    worker.start(left.popleft())
                else:
                    worker.end()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.end()


def _work(connection: "Connection[Any, Any]", measure: Callable[[Task], Result], threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's, which ends this process
    os.environ |= {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}  # as a trial has them
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        connection.send(None)
        connection.send(measure(task))
