"""What a search would do and cost, before it starts; nothing is written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from analysis.runs.tried_setting import read_settings
from sweeps.prediction.costs import RAY_S, Costs, ProbeFailure
from sweeps.prediction.probe import probe
from sweeps.preflight.fit import fit_notices
from sweeps.request import SweepRequest
from sweeps.resources.machine import NOT_MEASURED, busy_notice, cpu_bytes, measuring_machine
from sweeps.search.claim import read_identity
from sweeps.search.plan import SearchPlan, resolve_search
from sweeps.status.sweep import duration


@dataclass(frozen=True)
class Stage:
    """A part of a search: trials of the same steps.

    Attributes:
        name: what they are for.
        steps: training steps of each.
        trials: how many of them; a prediction after the first rung.
        seconds: predicted time of one; none where it was not measured.
    """

    name: str
    steps: int
    trials: int
    seconds: float | None


@dataclass(frozen=True)
class SearchPreview:
    """A search before it starts.

    Attributes:
        plan: the search.
        tried: settings that were tried before.
        stages: its parts.
        slots: trials side by side, where that was measured.
        failure: why nothing could be measured.
        notices: further sentences.
    """

    plan: SearchPlan
    tried: int
    stages: tuple[Stage, ...]
    slots: int | None
    failure: str | None
    notices: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """Predicted time of all trials one after the other, were nothing tried yet."""
        known = [stage.trials * stage.seconds for stage in self.stages if stage.seconds is not None]
        return sum(known) if len(known) == len(self.stages) else None

    @property
    def wall_seconds(self) -> float | None:
        """Predicted time of the command, were nothing tried yet."""
        return None if self.seconds is None else RAY_S + self.seconds / max(1, self.slots or 1)

    def lines(self) -> list[str]:
        """Return all of it as lines."""
        keys = ", ".join(f"{key} {_shown(space)}" for key, space in self.plan.space.items())
        found = [f"{self.plan.name}: {self.plan.strategy.trials} settings of {keys}; {self.tried} tried before."]
        for stage in self.stages:
            time = "" if stage.seconds is None else f", {duration(stage.seconds)} each"
            found.append(f"  {stage.name}: {stage.trials} trials of {stage.steps:,} steps{time}")
        if self.seconds is not None and self.wall_seconds is not None:
            found.append(
                f"Predicted: {self.seconds / 3600:.2f} h of trials, {duration(self.wall_seconds)} with {self.slots} "
                "side by side, were nothing tried yet. How many go on at a rung is an estimate."
            )
        if self.failure is not None:
            found.append(f"Not measured: {self.failure}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON types."""
        return {
            "name": self.plan.name,
            "settings": self.plan.strategy.trials,
            "tried": self.tried,
            "space": {key: space.model_dump(mode="json", exclude_none=True) for key, space in self.plan.space.items()},
            "rungs": list(self.plan.rungs),
            "stages": [asdict(stage) for stage in self.stages],
            "seconds": self.seconds,
            "wall_seconds": self.wall_seconds,
            "trials_side_by_side": self.slots,
            "not_measured": self.failure,
        }


def preview_search(request: SweepRequest, *, progress: Callable[[int, int], None] | None = None) -> SearchPreview:
    """Return what a search would do; with no steps to probe, without a prediction of its time.

    Raises:
        UserError: as `resolve_search`.
    """
    from simcvd.data.store import open_info

    plan, _ = resolve_search(request)
    info = open_info(request.dataset)
    tries = request.folder / "search"
    tried = len(read_settings(tries)) if read_identity(tries) == plan.identity else 0
    notices: tuple[str, ...] = ()
    costs, slots, failure, available = Costs(), None, None, None
    if probe_steps := request.budget.probe_steps:
        machine = measuring_machine(request.resources)
        if machine is None:
            notices = (NOT_MEASURED,)
        else:
            slots = machine.slots
            notices = tuple(filter(None, [busy_notice(machine.placement)]))
            available = cpu_bytes(machine.placement, machine.own_slots)
            costs = probe(
                [plan.base],
                request.dataset,
                machine.placement,
                machine.own_slots,
                steps=probe_steps,
                progress=progress,
            )
    stages = []
    for name, steps, trials, own in _stages(plan):
        _, config = plan.trial({}, steps)
        found = costs.trial_seconds(config, info.without_test if own else info)
        if isinstance(found, ProbeFailure):
            failure = found.message
        stages.append(Stage(name, steps, trials, found if isinstance(found, float) else None))
    notices += fit_notices(info, [plan.base], available)
    return SearchPreview(plan, tried, tuple(stages), slots, failure, notices)


def _stages(plan: SearchPlan) -> list[tuple[str, int, int, bool]]:
    """Return name, steps, number of trials and whether they are the search's own, of each part."""
    strategy = plan.strategy
    left, found = strategy.trials, []
    at_once = strategy.fidelity == "truncate"
    before = 0
    for index, steps in enumerate(plan.rungs):
        found.append((f"rung {index + 1}", steps - before if at_once else steps, left, True))
        before = steps if at_once else 0
        # The base's own goes on, and early ones meet few others; so it is rather more than one in `reduction`.
        left = min(left, 1 + round(left / strategy.reduction) + 1)
    found.append(("to the end", plan.steps - before, left, True))
    if strategy.confirm_seeds:
        found.append(("best and base on fresh seeds", plan.steps, 2 * strategy.confirm_seeds, False))
    return found


def _shown(space: Any) -> str:
    (kind, values), *_ = space.model_dump(mode="json", exclude_none=True).items()
    if kind == "choice":
        return f"({', '.join(map(str, values))})"
    return f"{values[0]:g} to {values[1]:g}" + (" (log)" if kind == "loguniform" else "")
