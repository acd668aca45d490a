"""The training curves of a report: every trial's losses and validation scores, thinned to what a screen can show."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.runs.replicate import Replicate, in_order
from analysis.runs.sweep import Sweep
from analysis.runs.training_log import Course, TrainingLog, read_training_log

POINTS: Final = 150
"""Reports of a trial beyond which neighbours are averaged."""


@dataclass(frozen=True)
class TrialCourse:
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


def read_courses(runs: Path, sweep: Sweep) -> list[TrialCourse]:
    """Read the logs of all trials that have one.

    Raises:
        AnalysisError: a log is damaged.
    """
    return list(_read(runs, sweep))


def _read(runs: Path, sweep: Sweep) -> Iterator[TrialCourse]:
    for variant in sweep.variants:
        for replicate in in_order(variant.trials):
            trial = variant.trials[replicate]
            path = runs / "trials" / trial / "log.jsonl"
            if not path.is_file():
                continue
            curves = _named(read_training_log(path, str(replicate)))
            if curves:
                thin = {name: thinned(course) for name, course in curves.items()}
                averaged = max(-(-len(course.steps) // POINTS) for course in curves.values())
                yield TrialCourse(variant.name, replicate, thin, averaged)


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
