"""What `simcvd tune` is asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from simcvd.files import fitting_name
from sweeps.request import SweepRequest

Stage = Literal["baseline", "search", "confirm", "final"]
STAGES: Final[tuple[Stage, ...]] = ("baseline", "search", "confirm", "final")
"""In their order; each but the plan can be skipped."""

SUPERVISED: Final = "supervised"
FEW_LABELED: Final = 20
"""Labelled cases below which cross-validation chooses, since few val cases choose nothing."""


@dataclass(frozen=True)
class TuneRequest:
    """What a command asks for.

    Attributes:
        name: of the tuning; its folder is `RUNS/sweeps/NAME`, its stages are the sweeps `NAME-STAGE`.
        base: data set, runs, resources, changes and limits, as for a sweep; its budget is that of the whole tuning.
        methods: compared at their defaults; the best one is searched.
        also: further settings to search.
        folds: parts of the labelled cases for cross-validation; None: as many as fit where they are few; 0: none.
        trials: most settings to try; None: as many as the time allows, `MOST_TRIALS` at most.
        seeds: fresh seeds of the comparison, and of an ensemble.
        sampler: Optuna's sampler.
        start: settings to try first, before the best of earlier searches in the runs folder.
        skip: stages to leave out.
    """

    name: str
    base: SweepRequest
    methods: tuple[str, ...] = ("simcvd",)
    also: tuple[str, ...] = ()
    folds: int | None = None
    trials: int | None = None
    seeds: int = 3
    sampler: Literal["tpe", "gp", "cmaes"] = "tpe"
    start: Sequence[Mapping[str, Any]] = ()
    skip: frozenset[Stage] = frozenset()

    @property
    def folder(self) -> Path:
        """The tuning's folder."""
        return self.base.runs / "sweeps" / self.name

    def stage_name(self, stage: Stage) -> str:
        """Return the name of a stage's sweep."""
        return stage_name(self.name, stage)

    @property
    def compares_methods(self) -> bool:
        """Whether methods are trained at their defaults first: with several it tells which one is searched."""
        return "baseline" not in self.skip or len(self.methods) > 1

    def identity(self, dataset_digest: str) -> str:
        """Return twelve hex digits that are equal where a schedule that was made before still holds."""
        changes = self.base.changes
        asked = {
            "dataset": dataset_digest,
            "overrides": dict(changes.overrides),
            "preset": changes.preset,
            "plan": None if changes.plan is None else dict(changes.plan),
            "methods": self.methods,
            "also": self.also,
            "folds": self.folds,
            "trials": self.trials,
            "seeds": self.seeds,
            "sampler": self.sampler,
            "start": [dict(settings) for settings in self.start],
            "skip": sorted(self.skip),
            "time_s": self.base.budget.time_s,
            "gpu_hours": self.base.budget.gpu_hours,
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def stage_name(name: str, stage: Stage) -> str:
    """Return the name of the sweep of a tuning's stage."""
    return fitting_name(f"{name}-{stage}")
