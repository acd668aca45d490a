"""The training curves of a report: every trial's losses and validation scores, thinned to what a screen can show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.runs.replicate import Replicate
from analysis.runs.sweep import Sweep
from analysis.runs.training_log import Course, read_training_logs

Curves = dict[str, tuple[list[float], list[float | None]]]

POINTS: Final = 150
"""Reports of a trial beyond which neighbours are averaged."""


@dataclass(frozen=True)
class TrialCurves:
    """One trial's curves.

    Attributes:
        variant: the variant's name.
        replicate: of the trial.
        scores: by network and metric (`student dice`), steps and scores on validation cases in percent; a value that
            was not finite is None.
        losses: by loss term, steps and values before their weight.
        averaged: most reports that one point stands for.
    """

    variant: str
    replicate: Replicate
    scores: Curves
    losses: Curves
    averaged: int


def read_curves(runs: Path, sweep: Sweep) -> list[TrialCurves]:
    """Read the logs of all trials that have one.

    Raises:
        AnalysisError: a log is damaged.
    """
    found = []
    for variant in sweep.variants:
        for replicate, log in read_training_logs(runs, variant).items():
            reports = [len(course.steps) for course in (*log.validation.values(), *log.losses.values())]
            if any(reports):
                scores, losses = _thin(log.validation, 100), _thin(log.losses, 1)
                found.append(TrialCurves(variant.name, replicate, scores, losses, -(-max(reports) // POINTS)))
    return found


def _thin(courses: Mapping[str, Course], factor: float) -> Curves:
    return {
        name.replace("_", " "): thinned(Course(course.steps, factor * course.values))
        for name, course in courses.items()
        if len(course.steps)
    }


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
