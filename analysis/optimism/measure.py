"""The optimism of choosing a checkpoint on the cases that it is scored on, measured on val cases.

Of one training, with `v_1, ..., v_K` the student's val Dice at its K validations, the last one after the last step:

    optimism = max(v_1, ..., v_K) - v_K

It is never below 0, since the last weights are one of the K checkpoints.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant
from analysis.runs.training_log import Course, TrainingLog

Number = TypeVar("Number", int, float)


class LeftOut(StrEnum):
    """Why a trial is not measured."""

    unfinished = "not finished"
    no_log = "without a log"
    no_cases = "not scored on val cases"
    no_end = "without a val Dice after the last step"
    once = "scored on val cases only once"


@dataclass(frozen=True)
class Choice:
    """What choosing among the checkpoints of one training does; Dice from 0 to 1, on val cases.

    Attributes:
        last: Dice after the last step.
        best: the highest Dice of all checkpoints.
        checkpoints: how many there were to choose from, the last one among them.
    """

    last: float
    best: float
    checkpoints: int

    @property
    def optimism(self) -> float:
        """What the choice adds."""
        return self.best - self.last


@dataclass(frozen=True)
class VariantOptimism:
    """The trainings of one variant; each counts once, also where it stands for several label splits.

    Attributes:
        variant: the variant.
        choices: what was measured, by the first replicate that a training stands for.
        left_out: why others were not measured.
        val_cases: fewest and most val cases of a training that was measured; None where none is recorded.
    """

    variant: PlannedVariant
    choices: Mapping[Replicate, Choice]
    left_out: Mapping[Replicate, LeftOut]
    val_cases: tuple[int, int] | None = None

    @property
    def last(self) -> float | None:
        """Mean over trials of the Dice after the last step."""
        return _mean([choice.last for choice in self.choices.values()])

    @property
    def best(self) -> float | None:
        """Mean over trials of the Dice of each one's best checkpoint."""
        return _mean([choice.best for choice in self.choices.values()])

    @property
    def optimism(self) -> float | None:
        """Mean over trials."""
        return _mean([choice.optimism for choice in self.choices.values()])

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the most optimism of a trial."""
        return _limits([choice.optimism for choice in self.choices.values()])

    @property
    def checkpoints(self) -> tuple[int, int] | None:
        """The fewest and the most checkpoints of a trial."""
        return _limits([choice.checkpoints for choice in self.choices.values()])


def choice_of(log: TrainingLog) -> Choice | LeftOut:
    """Return what choosing among the checkpoints of one training does, or why that can't be told.

    Validations without a number (NaN) are passed over.
    """
    import numpy as np

    course = _judged(log)
    if course is None or not np.isfinite(course.values).any():
        return LeftOut.no_cases
    there = np.isfinite(course.values)
    steps, values = course.steps[there], course.values[there]
    if steps[-1] != log.steps:
        return LeftOut.no_end
    if len(steps) < 2:
        return LeftOut.once
    return Choice(float(values[-1]), float(values.max()), len(steps))


def measure_variant(
    variant: PlannedVariant,
    logs: Mapping[Replicate, TrainingLog],
    finished: Collection[str],
    val_cases: Mapping[str, int],
) -> VariantOptimism:
    """Measure the trials of a variant that have finished.

    Args:
        variant: the variant.
        logs: what each of its replicates reported.
        finished: ids of the trials that have finished.
        val_cases: number of val cases by trial id; trials without any may be missing.
    """
    choices: dict[Replicate, Choice] = {}
    left_out: dict[Replicate, LeftOut] = {}
    for replicate, trial in variant.each_trial():
        if trial not in finished:
            left_out[replicate] = LeftOut.unfinished
        elif replicate not in logs:
            left_out[replicate] = LeftOut.no_log
        elif isinstance(found := choice_of(logs[replicate]), Choice):
            choices[replicate] = found
        else:
            left_out[replicate] = found
    counts = [val_cases[variant.trials[each]] for each in choices if variant.trials[each] in val_cases]
    return VariantOptimism(variant, choices, left_out, _limits(counts))


def _judged(log: TrainingLog) -> Course | None:
    """Return the course of the network that a trial is judged by: the student, else the first that was scored."""
    scored = [name for name in log.validation if name.endswith("_dice")]
    name = "student_dice" if "student_dice" in scored else next(iter(scored), None)
    return None if name is None else log.validation[name]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _limits(values: list[Number]) -> tuple[Number, Number] | None:
    return (min(values), max(values)) if values else None
