"""The training curves of a report: every trial's losses and validation scores, thinned to what a screen can show."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.runs.replicate import Replicate
from analysis.runs.sweep import Sweep
from analysis.runs.training_log import Course, TrainingLog, read_training_logs

POINTS: Final = 150
"""Reports of a trial beyond which neighbours are averaged."""


@dataclass(frozen=True)
class TrialCurves:
    """One trial's curves.

    Attributes:
        variant: the variant's name.
        replicate: of the trial.
        curves: by quantity, steps and values; a value that was not finite is None.
        averaged: most reports that one point stands for.
    """

    variant: str
    replicate: Replicate
    curves: dict[str, tuple[list[float], list[float | None]]]
    averaged: int


def read_curves(runs: Path, sweep: Sweep) -> list[TrialCurves]:
    """Read the logs of all trials that have one.

    Raises:
        AnalysisError: a log is damaged.
    """
    found = []
    for variant in sweep.variants:
        for replicate, log in read_training_logs(runs, variant).items():
            if courses := _named(log):
                thin = {name: thinned(course) for name, course in courses.items()}
                averaged = max(-(-len(course.steps) // POINTS) for course in courses.values())
                found.append(TrialCurves(variant.name, replicate, thin, averaged))
    return found


def _named(log: TrainingLog) -> dict[str, Course]:
    scores = {f"validation: {name.replace('_', ' ')}": course for name, course in log.validation.items()}
    losses = {f"loss: {name.replace('_', ' ')}": course for name, course in log.losses.items()}
    return {name: course for name, course in (scores | losses).items() if len(course.steps)}


def thinned(course: Course, points: int = POINTS) -> tuple[list[float], list[float | None]]:
    """Average neighbouring reports so that at most `points` are left; each stands at the mean of its steps.

    Values have four significant digits. A block with a value that was not finite has none, so a divergence stays
    visible.

    >>> import numpy as np
    >>> thinned(Course(np.array([1, 2, 3]), np.array([1.0, 3.0, 5.0])), points=2)
    ([1.5, 3.0], [2.0, 5.0])
    """
    block = -(-len(course.steps) // points)
    steps, values = [], []
    for start in range(0, len(course.steps), block):
        own = course.values[start : start + block]
        mean = float(own.mean())
        steps.append(round(float(course.steps[start : start + block].mean()), 1))
        values.append(float(f"{mean:.4g}") if abs(mean) < float("inf") else None)
    return steps, values
