"""A few real steps, and a real prediction, with a clock beside them. No test case is read and no file written."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from simcvd.config import TrialConfig
from simcvd.device_errors import gpu_fault, is_out_of_memory
from sweeps.prediction.costs import InferenceCost, ProbeFailure, StageCost, TrainingCost

if TYPE_CHECKING:
    import torch

    from simcvd.methods.base import Method

_WARM_UP = 2


class _EnoughError(Exception):
    """Everything wanted was timed."""


def measure_training(
    config: TrialConfig, dataset: Path, *, device: str, threads: int, workers: int, steps: int, limit_s: float
) -> TrainingCost:
    """Time a few training steps.

    Args:
        config: all settings.
        dataset: data set folder.
        device: `cpu` or `cuda`.
        threads: CPU threads for torch.
        workers: workers that share a batch; the time of one with its share is measured, without what they say.
        steps: steps to time, beside one or two to warm up.
        limit_s: time after which fewer do, at least one after one to warm up.
    """
    from simcvd.data.loading import CropLoader
    from simcvd.data.store import open_training

    with _prepared(config, device, threads) as (torch_device, autocast):
        began = time.monotonic()
        view = open_training(dataset, config.data)
        method = _built(config, torch_device, len(view.info.channels), len(view.info.classes))
        load = CropLoader(view, config, torch_device, with_unlabeled=method.needs_unlabeled, workers=workers)
        clock = _StepClock(method, load, config.seed, torch_device, autocast)
        clock.sync()
        built_s = time.monotonic() - began

        stages, slower_s = [], 0.0
        limits = _stages(method, config.training.steps)
        for index, stage in enumerate(limits):
            first_s, step_s = clock.plain(stage, steps, limit_s / len(limits))
            stages.append(StageCost(stage.start / config.training.steps, step_s))
            slower_s = slower_s if index else max(0.0, first_s - step_s)
        norms_s = 0.0
        if config.training.gradient_norms_every_steps is not None:
            # A backward pass a term; where that takes too long to measure, no more than a step a term.
            norms_s = clock.terms * step_s
            if time.monotonic() - began + norms_s + step_s < limit_s:
                norms_s = max(0.0, clock.with_norms(limits[-1]) - step_s)
        return TrainingCost(tuple(stages), norms_s, built_s + slower_s, len(method.segmenters()), clock.checkpoint())


def measure_inference(
    config: TrialConfig, dataset: Path, *, device: str, threads: int, limit_s: float
) -> InferenceCost:
    """Time the prediction and the scores of one validation case, or of a labelled training case where there is none.

    Args:
        config: all settings.
        dataset: data set folder.
        device: `cpu` or `cuda`.
        threads: CPU threads for torch.
        limit_s: time after which a part of the windows does, at least two batches of them.
    """
    import numpy as np

    from simcvd.data.store import open_training
    from simcvd.inference.fusion import for_inference
    from simcvd.inference.sliding_window import segment
    from simcvd.metrics.case import score_case
    from sweeps.prediction.costs import windows_of

    with _prepared(config, device, threads) as (torch_device, autocast):
        view = open_training(dataset, config.data)
        method = _built(config, torch_device, len(view.info.channels), len(view.info.classes))
        case = (view.val or view.labeled)[0]
        assert case.label is not None
        x, y, z = case.image.shape[-3:]
        voxels, windows = x * y * z, windows_of((x, y, z), config)
        network = for_inference(next(iter(method.segmenters().values())))
        del method

        def passes() -> float:
            batches: list[tuple[float, int]] = []

            def clocked(crops: Any) -> Any:
                logits = network(crops)
                _sync(torch_device)
                batches.append((time.monotonic(), len(crops)))
                if len(batches) > 1 and batches[-1][0] - began > limit_s / 2:
                    raise _EnoughError
                return logits

            began = time.monotonic()
            try:
                segment(
                    clocked,  # type: ignore[arg-type]  # called like a network, and nothing else
                    case.image,
                    config.data.crop_vox,
                    config.inference.stride_vox,
                    device=torch_device,
                    batch_windows=config.inference.batch_windows,
                    precision=autocast,
                )
            except _EnoughError:
                return (batches[-1][0] - batches[0][0]) / sum(size for _, size in batches[1:])
            return (time.monotonic() - began) / windows

        began = time.monotonic()
        window_s = passes()
        if time.monotonic() - began < limit_s / 2:
            window_s = passes()  # the first one warmed up
        label = np.asarray(case.label)
        moved = np.roll(label, 1, axis=0)  # about as good as a trained network's
        score_s = 0.0
        for _ in range(2):
            began = time.monotonic()
            score_case(moved, label, len(view.info.classes), case.spacing_mm)
            score_s = time.monotonic() - began
        return InferenceCost(window_s, score_s / voxels)


def failure_of(error: Exception, device: str, gpu_share: float = 1.0) -> ProbeFailure:
    """Return why a class could not be measured."""
    gpu = "GPU" if gpu_share >= 1 else f"{gpu_share:g} of a GPU that it gets"
    text = " ".join(str(error).split())
    if fault := gpu_fault(error):
        return ProbeFailure("gpu_error", f"the GPU failed: {fault.words}")
    if is_out_of_memory(error):
        return ProbeFailure("out_of_memory", f"does not fit into the {gpu if device == 'cuda' else 'memory'}")
    return ProbeFailure(type(error).__name__, text[:300] or type(error).__name__)


class _StepClock:
    """Time steps of the real loop.

    Attributes:
        terms: loss terms of the last step.
    """

    def __init__(
        self,
        method: "Method",
        load: Callable[[int], Any],
        seed: int,
        device: "torch.device",
        autocast: Callable[[], Any],
    ) -> None:
        self._method, self._load, self._seed, self._device, self._autocast = method, load, seed, device, autocast
        self.terms = 0

    def plain(self, stage: range, steps: int, limit_s: float) -> tuple[float, float]:
        """Return the time of the first step of a stage and the median of those after the warm-up."""
        times = self._run(stage, lambda done: len(done) > 1 and (len(done) == _WARM_UP + steps or sum(done) > limit_s))
        # Where even the first steps are slow, one to warm up is all that there is time for.
        warm_up = _WARM_UP if len(times) > _WARM_UP else 1
        return times[0], median(times[warm_up:] or times)

    def with_norms(self, stage: range) -> float:
        """Return the time of a step that measures gradient norms."""
        return self._run(stage, lambda done: bool(done), norms=True)[0]

    def checkpoint(self) -> float:
        """Return the time that a checkpoint keeps the loop: its copy, since it is written while the next steps run."""
        from simcvd.training.checkpoint import Progress, snapshot

        self.sync()
        began = time.monotonic()
        _, wait = snapshot(self._method, Progress(), "")
        wait()
        return time.monotonic() - began

    def sync(self) -> None:
        """Wait for the device."""
        _sync(self._device)

    def _run(self, stage: range, enough: Callable[[list[float]], bool], *, norms: bool = False) -> list[float]:
        from simcvd.training.loop import train_steps

        times: list[float] = []
        last = time.monotonic()

        def after_step(report: Any) -> None:
            nonlocal last
            self.sync()
            times.append(time.monotonic() - last)
            self.terms = len(report.weights)
            if enough(times):
                raise _EnoughError
            last = time.monotonic()

        with suppress(_EnoughError):
            train_steps(
                self._method,
                self._load,
                stage,
                seed=self._seed,
                device=self._device,
                autocast=self._autocast,
                measure_gradients=lambda step: norms,
                after_step=after_step,
            )
        return times


def _stages(method: "Method", steps: int) -> list[range]:
    """Return the steps of each stage: those at which the same optimisers act."""
    acting = groupby(range(steps), key=lambda step: tuple(id(each) for each in method.stepping(step)))
    return [range(run[0], run[-1] + 1) for run in (list(run) for _, run in acting)]


def _built(config: TrialConfig, torch_device: "torch.device", channels: int, classes: int) -> "Method":
    from simcvd.methods.registry import create

    method = create(config, channels, classes + 1)
    method.networks.to(torch_device)
    return method


@contextmanager
def _prepared(config: TrialConfig, device: str, threads: int) -> "Iterator[tuple[torch.device, Callable[[], Any]]]":
    """Choose device and arithmetic as training does; what the measurement before left in memory is freed first."""
    import torch

    from simcvd.training.environment import choose_device
    from simcvd.training.precision import choose_precision

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch_device = choose_device(device)
    gc.collect()
    if torch_device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        yield torch_device, choose_precision(config.training.precision, torch_device).autocast
    finally:
        torch.set_num_threads(before)


def _sync(device: "torch.device") -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
