"""What was measured of each cost class, and the time of a trial that follows from it."""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simcvd.config import TrialConfig
from simcvd.data.dataset_info import DatasetInfo, Shape
from simcvd.data.training_cases import training_cases
from simcvd.training.due import CHECKPOINT_S
from sweeps.prediction.cost_class import inference_class, training_class

TRIAL_S = 0.7
"""A trial's overhead beside its own work: its processes are there already, its records are written."""

RAY_S = 12.0
"""From the command to the first trial's first line of code; once a command."""


@dataclass(frozen=True)
class StageCost:
    """A part of training whose steps cost the same.

    Attributes:
        start: where it begins, in parts of all steps.
        step_s: seconds a step.
    """

    start: float
    step_s: float


@dataclass(frozen=True)
class TrainingCost:
    """Time of training.

    Attributes:
        stages: in their order, the first from 0; one for most methods.
        norms_s: seconds more of a step that measures gradient norms.
        start_s: opening the data and building the networks, and what the first step takes longer.
        segmenters: networks that a validation scores.
        checkpoint_s: seconds that a checkpoint keeps the loop.
    """

    stages: tuple[StageCost, ...]
    norms_s: float = 0.0
    start_s: float = 0.0
    segmenters: int = 1
    checkpoint_s: float = 0.0

    @property
    def step_s(self) -> float:
        """Seconds a step, averaged over all steps."""
        ends = [*(stage.start for stage in self.stages[1:]), 1.0]
        return sum((end - stage.start) * stage.step_s for stage, end in zip(self.stages, ends, strict=True))


@dataclass(frozen=True)
class InferenceCost:
    """Time of prediction and scoring.

    Attributes:
        window_s: seconds a window.
        voxel_s: seconds a voxel of a case, for its scores.
    """

    window_s: float
    voxel_s: float = 0.0


@dataclass(frozen=True)
class ProbeFailure:
    """A class that could not be measured.

    Attributes:
        kind: `out_of_memory`, `lost`, or the name of an exception.
        message: one sentence.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Costs:
    """Everything measured, by class.

    Attributes:
        training: by `training_class`.
        inference: by `inference_class`.
        seconds: time that measuring took.
    """

    training: Mapping[str, TrainingCost | ProbeFailure] = field(default_factory=dict)
    inference: Mapping[str, InferenceCost | ProbeFailure] = field(default_factory=dict)
    seconds: float = 0.0

    def trial_seconds(self, config: TrialConfig, info: DatasetInfo, done: int = 0) -> float | ProbeFailure | None:
        """Return the time that a trial needs from its step `done` on; none where nothing was measured."""
        training = self.training.get(training_class(config))
        inference = self.inference.get(inference_class(config))
        for found in (training, inference):
            if isinstance(found, ProbeFailure):
                return found
        if not isinstance(training, TrainingCost) or not isinstance(inference, InferenceCost):
            return None
        steps_s = _steps_s(training, config, done)
        return (
            TRIAL_S
            + training.start_s
            + steps_s
            + _checkpoints(config, done, steps_s) * training.checkpoint_s
            + _validations(config, done)
            * training.segmenters
            * _split_s(inference, config, info, training_cases(info, config.data).val)
            + _split_s(inference, config, info, info.splits.test)
        )


def windows_of(shape: Shape, config: TrialConfig) -> int:
    """Return how many windows a prediction of a case needs (`simcvd.inference.sliding_window`).

    >>> windows_of((182, 140, 88), TrialConfig())
    45
    """
    axes = zip(shape, config.data.crop_vox, config.inference.stride_vox, strict=True)
    return math.prod(math.ceil(max(0, side - crop) / stride) + 1 for side, crop, stride in axes)


def ends_of(seconds: Iterable[float], slots: int) -> list[float]:
    """Return when each trial ends if the next one starts as soon as one of `slots` is free.

    >>> ends_of([3, 1, 1], slots=2)
    [3.0, 1.0, 2.0]
    """
    free = [0.0] * max(1, slots)
    ends = []
    for each in seconds:
        ends.append(heapq.heappop(free) + each)
        heapq.heappush(free, ends[-1])
    return ends


def _steps_s(cost: TrainingCost, config: TrialConfig, done: int) -> float:
    steps, every = config.training.steps, config.training.gradient_norms_every_steps
    ends = [*(stage.start * steps for stage in cost.stages[1:]), float(steps)]
    plain = sum(
        max(0.0, end - max(stage.start * steps, done)) * stage.step_s
        for stage, end in zip(cost.stages, ends, strict=True)
    )
    return plain + (0 if every is None else len(range(_up_to(done, every), steps, every)) * cost.norms_s)


def _checkpoints(config: TrialConfig, done: int, steps_s: float) -> int:
    """Return how many checkpoints come from step `done` on, the one after the last step among them."""
    steps, every = config.training.steps, config.training.checkpoint_every_steps
    if every is None:
        return 1 + int(steps_s / CHECKPOINT_S)
    return 1 + len(range(_up_to(done + 1, every), steps, every))


def _validations(config: TrialConfig, done: int) -> int:
    steps, every = config.training.steps, config.training.validate_every_steps
    return 1 + (0 if every is None else len(range(_up_to(done + 1, every), steps, every)))


def _up_to(first: int, every: int) -> int:
    return -(-first // every) * every


def _split_s(cost: InferenceCost, config: TrialConfig, info: DatasetInfo, cases: Sequence[str]) -> float:
    shapes = [info.shapes[case] for case in cases]
    return sum(windows_of(shape, config) * cost.window_s + math.prod(shape) * cost.voxel_s for shape in shapes)
