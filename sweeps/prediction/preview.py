"""What a command would do, trial by trial, and what that would cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from analysis.errors import AnalysisError
from analysis.runs.sweep import read_sweep, sweep_names
from simcvd.data.dataset_info import DatasetInfo
from sweeps.definition.expand import TrialSpec, all_trials
from sweeps.plan import SweepPlan
from sweeps.prediction.cost_class import training_class
from sweeps.prediction.costs import RAY_S, Costs, ProbeFailure, ends_of
from sweeps.prediction.table_rows import headings_of
from sweeps.request import SweepRequest
from sweeps.resources.share import Placement
from sweeps.status.sweep import ACTIVE
from sweeps.status.trial import TrialState

Action = Literal["skip", "run", "continue", "score", "again", "elsewhere", "wait"]
TO_RUN: frozenset[Action] = frozenset({"run", "continue", "score", "again"})


@dataclass(frozen=True)
class TrialAhead:
    """What would become of one trial.

    Attributes:
        id: the trial's id.
        variant: name of its variant.
        group: heading that the variant stands under, if any.
        seed: its seed.
        label_split: draw of its labelled cases; none in a sweep without.
        state: as its files show it.
        action: `skip` it; `run` it; `continue` it; only `score` its test cases; run a failed one `again`; `elsewhere`,
            another command runs it now; `wait`, outside the budget.
        told: the same in words.
        seconds: predicted time from now on; none where it is not run, or was not measured.
        failure: why it can't be predicted; it would most likely fail alike.
    """

    id: str
    variant: str
    group: str | None
    seed: int
    label_split: int | None
    state: str
    action: Action
    told: str
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Preview:
    """What a command would do.

    Attributes:
        name: the sweep's name.
        lines: its trials in its order, each once.
        headings: headings under which each variant has a table row.
        metrics: metrics of the table, cells of a row.
        placement: resources of a trial's worker here; none where nothing was measured.
        slots: trials side by side here.
        costs: what was measured.
        kinds: kinds of trial among those to run.
        notices: further sentences, such as what the budget leaves out.
        whose: whose slots these are, in words.
    """

    name: str
    lines: tuple[TrialAhead, ...]
    headings: Mapping[str, tuple[str, ...]]
    metrics: tuple[str, ...]
    placement: Placement | None = None
    slots: int = 1
    costs: Costs = field(default_factory=Costs)
    kinds: int = 0
    notices: tuple[str, ...] = ()
    whose: str = "this machine's"

    @property
    def rows(self) -> int:
        """Rows of all tables; a variant may stand in several."""
        return sum(map(len, self.headings.values()))

    @property
    def tables(self) -> int:
        """Headings with rows."""
        return len({heading for found in self.headings.values() for heading in found})

    @property
    def to_run(self) -> list[TrialAhead]:
        """The trials that would run."""
        return [line for line in self.lines if line.action in TO_RUN]

    @property
    def seconds(self) -> float | None:
        """Predicted time of all trials that would run, one after the other; none without prediction."""
        known = [line.seconds for line in self.to_run if line.seconds is not None]
        return sum(known) if known else None

    @property
    def on_gpu(self) -> bool:
        """Whether trials run on GPUs here."""
        return self.placement is not None and self.placement.gpus > 0

    @property
    def processor_hours(self) -> float | None:
        """Predicted hours of GPU, or of CPU core where trials run on the CPU."""
        if self.placement is None or self.seconds is None:
            return None
        each = self.placement.gpus if self.on_gpu else self.placement.cpus
        return self.seconds / 3600 * self.placement.workers * each

    @property
    def wall_seconds(self) -> float | None:
        """Predicted time until the last trial ends on this machine."""
        ends = self.ends()
        return max(ends) if ends else None

    def ends(self) -> list[float]:
        """Return when each trial that would run ends, in seconds from the command; those not predicted are left out."""
        known = [line.seconds for line in self.to_run if line.seconds is not None]
        return [RAY_S + end for end in ends_of(known, self.slots)]

    def failures(self) -> dict[str, list[str]]:
        """Return the variants that could not be measured, by reason."""
        reasons: dict[str, list[str]] = {}
        for line in self.to_run:
            if line.failure is not None and line.variant not in reasons.setdefault(line.failure, []):
                reasons[line.failure].append(line.variant)
        return reasons

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON types."""
        hours = self.processor_hours
        return {
            "sweep": self.name,
            "tables": self.tables,
            "rows": self.rows,
            "cells": self.rows * len(self.metrics),
            "metrics": list(self.metrics),
            "variants": len(self.headings),
            "trials": len(self.lines),
            "to_run": len(self.to_run),
            "waiting_for_budget": sum(line.action == "wait" for line in self.lines),
            "kinds": self.kinds,
            "probe_seconds": self.costs.seconds if self.placement is not None else None,
            "predicted": {
                "seconds": self.seconds,
                "gpu_hours": hours if self.on_gpu else None,
                "cpu_core_hours": None if self.on_gpu else hours,
                "wall_seconds": self.wall_seconds,
                "trials_side_by_side": self.slots if self.placement is not None else None,
                "placement": None if self.placement is None else asdict(self.placement),
            },
            "not_measured": [{"reason": reason, "variants": variants} for reason, variants in self.failures().items()],
            "trial_list": [asdict(line) | {"headings": list(self.headings[line.variant])} for line in self.lines],
        }


@dataclass(frozen=True)
class Measured:
    """What was measured on this machine.

    Attributes:
        costs: of each kind of trial.
        placement: what a trial would run on.
        slots: trials side by side.
        whose: whose slots these are, in words.
    """

    costs: Costs = field(default_factory=Costs)
    placement: Placement | None = None
    slots: int = 1
    whose: str = "this machine's"


def preview(
    plan: SweepPlan,
    request: SweepRequest,
    info: DatasetInfo,
    *,
    chosen: Collection[str],
    measured: Measured | None = None,
) -> Preview:
    """Put together what a command would do.

    Args:
        plan: the sweep's plan.
        request: what it was made of.
        info: the data set.
        chosen: ids of the pending trials that the budget lets run.
        measured: none without a prediction of times.
    """
    sweep, costs = request.sweep, None if measured is None else measured.costs
    changes = request.changes.on_dataset(request.dataset, info.preset)
    headings = headings_of(sweep, plan.variants, info.digest, changes)
    trials = all_trials(plan.variants)
    states = {row.planned.id: row.trial for row in plan.state.rows if row.planned.search is None}
    pending = {trial.id for trial in plan.pending}
    groups = {variant.name: variant.group for variant in plan.variants}
    others = _other_sweeps(request.runs, plan.name)
    lines = []
    for trial in trials:
        state = states[trial.id]
        action, told = _action(state, trial.id in pending, trial.id in chosen, others.get(trial.id))
        seconds = costs.trial_seconds(trial.config, info, _done(state)) if costs and action in TO_RUN else None
        failure = seconds.message if isinstance(seconds, ProbeFailure) else None
        lines.append(
            TrialAhead(
                trial.id,
                trial.variant,
                groups[trial.variant],
                trial.seed,
                trial.label_split,
                state.state,
                action,
                told,
                None if isinstance(seconds, ProbeFailure) else seconds,
                failure,
            )
        )
    kinds = len({training_class(trial.config) for trial in trials if trial.id in chosen})
    metrics = (sweep.metric, *sweep.also)
    found = measured or Measured()
    return Preview(
        plan.name,
        tuple(lines),
        headings,
        metrics,
        found.placement,
        found.slots,
        found.costs,
        kinds,
        whose=found.whose,
    )


def gpu_hours_of(
    trials: Sequence[TrialSpec], plan: SweepPlan, info: DatasetInfo, costs: Costs, placement: Placement
) -> dict[str, float]:
    """Return the hours of GPU that each trial is predicted to take from now on, by id."""
    done = {row.planned.id: _done(row.trial) for row in plan.state.rows}
    hours = {}
    for trial in trials:
        seconds = costs.trial_seconds(trial.config, info, done.get(trial.id, 0))
        if isinstance(seconds, float):
            hours[trial.id] = seconds / 3600 * placement.gpus * placement.workers
    return hours


def _done(state: TrialState) -> int:
    """Return the steps that need not be trained again; a failed trial starts anew."""
    return 0 if state.state == "failed" else state.step


def _action(state: TrialState, pending: bool, chosen: bool, other: str | None) -> tuple[Action, str]:
    if state.state == "finished":
        return "skip", "finished" if other is None else f"shared: finished by {other}"
    if not pending:
        return "skip", f"failed ({state.failure_kind}); --retry-failed"
    if state.state in ACTIVE:
        return "elsewhere", "another command runs it"
    if not chosen:
        return "wait", "waits: over budget"
    if state.state == "failed":
        return "again", f"run again (failed: {state.failure_kind})"
    if state.state == "validated":
        return "score", "score test cases"
    if state.step:
        return "continue", f"continue at step {state.step}"
    return "run", "run"


def _other_sweeps(runs: Path, name: str) -> dict[str, str]:
    """Return which other sweep of the runs folder has a trial, for the trials that this one has not had so far."""
    found: dict[str, str] = {}
    own: set[str] = set()
    for other in sweep_names(runs):
        try:
            ids = read_sweep(runs, other).trial_ids
        except AnalysisError:
            continue  # a damaged file of another sweep is no matter of this one
        if other == name:
            own = set(ids)
        else:
            found |= {trial_id: other for trial_id in ids if trial_id not in found}
    return {trial_id: sweep for trial_id, sweep in found.items() if trial_id not in own}
