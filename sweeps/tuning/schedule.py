"""What fits into the time: settings to try, folds, seeds and steps, stage by stage."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from simcvd.errors import UserError
from sweeps.status.sweep import duration

MOST_TRIALS: Final = 50
USUAL_TRIALS: Final = 20
"""Settings to try where no time is given."""
FEWEST_TRIALS: Final = 4
GOOD_TRIALS: Final = 8
"""From so many on more seeds, folds and steps are worth more than more settings."""
RESERVE: Final = 0.12
"""Part of the time that is not planned: trials that take longer than measured, and the waiting for the last one."""
STAGE_S: Final = 6.0
"""Overhead of a stage beside its trials: the checks, and processes that start anew."""
SHORTER: Final = (1.0, 0.75, 0.5, 0.35, 0.25)
"""Parts of the plan's steps that a training may have where the time is short."""
_REDUCTION: Final = 3.0


@dataclass(frozen=True)
class Wanted:
    """What is to be scheduled.

    Attributes:
        steps: of a training, by the plan.
        baseline: whether methods are trained at their defaults first.
        methods: compared at their defaults, beside supervised training.
        supervised: whether there is a supervised baseline.
        folds: how many folds may be taken, the best first; 0 is none.
        trials: most settings to try; None: as many as fit.
        seeds: fresh seeds, at most.
        search: whether settings are searched.
        confirm: whether fresh seeds compare.
        final: whether a last training takes all labelled cases.
        slots: trials side by side.
        time_s: limit of all; None has none.
        asked: the option that limits it.
    """

    steps: int
    baseline: bool = True
    methods: int = 1
    supervised: bool = True
    folds: tuple[int, ...] = (0,)
    trials: int | None = None
    seeds: int = 3
    search: bool = True
    confirm: bool = True
    final: bool = True
    slots: int = 1
    time_s: float | None = None
    asked: str = "--time-budget"


@dataclass(frozen=True)
class TrialTimes:
    """Seconds of one trial of the slowest method, scores included.

    Attributes:
        val: scored on val cases.
        test: scored on test cases, too.
        supervised_val: of supervised training, scored on val cases.
        supervised_test: the same with test cases.
    """

    val: float
    test: float
    supervised_val: float
    supervised_test: float


@dataclass(frozen=True)
class StagePlan:
    """A stage: how many trials it has at most, and how long it is expected to take in seconds."""

    name: str
    trials: int
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """What is done in which stage.

    Attributes:
        steps: of each training.
        folds: parts for cross-validation; 0: val cases choose.
        trials: settings to try.
        seeds: fresh seeds.
        finals: trainings on all labelled cases, at most.
        stages: in their order.
        reasons: what was made smaller, and why; a sentence each.
    """

    steps: int
    folds: int
    trials: int
    seeds: int
    finals: int
    stages: tuple[StagePlan, ...]
    reasons: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Expected time of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def after(self, name: str) -> float:
        """Return the expected time of the stages after `name`."""
        names = [stage.name for stage in self.stages]
        return sum(stage.seconds for stage in self.stages[names.index(name) + 1 :]) if name in names else 0.0


Times = Callable[[int, int], TrialTimes]
"""Times of a trial from its steps and folds: with folds, the held-out part is scored too."""


def make_schedule(wanted: Wanted, times: Times) -> Schedule:
    """Return the schedule that asks most and fits the time.

    What is given up, in this order: settings beyond a few, the ensemble, folds, seeds beyond two, then steps, then the
    second seed.

    Args:
        wanted: what is asked for.
        times: tells the time of a trial.

    Raises:
        UserError: not even the least fits.
    """
    if wanted.time_s is None:
        trials = wanted.trials or USUAL_TRIALS
        finals = wanted.seeds if wanted.confirm else 1
        return _scheduled(wanted, times, wanted.steps, wanted.folds[0], trials, wanted.seeds, finals)
    limit_s = wanted.time_s * (1 - RESERVE)
    least: Schedule | None = None
    for steps, folds, seeds, finals in _choices(wanted):
        fewest = 0 if not wanted.search else min(FEWEST_TRIALS, wanted.trials or FEWEST_TRIALS)
        good = min(GOOD_TRIALS, wanted.trials or GOOD_TRIALS) if wanted.search else 0
        # Whole steps with few settings are better than short steps with more.
        needed = good if steps == wanted.steps and (folds, seeds) == (wanted.folds[0], wanted.seeds) else fewest
        least = _scheduled(wanted, times, steps, folds, needed, seeds, finals)
        if least.seconds <= limit_s:
            most = wanted.trials or MOST_TRIALS
            while wanted.search and needed < most:
                more = _scheduled(wanted, times, steps, folds, needed + 1, seeds, finals)
                if more.seconds > limit_s:
                    break
                least, needed = more, needed + 1
            return replace(least, reasons=_reasons(wanted, least))
    assert least is not None
    raise UserError(
        f"{wanted.asked} is too short: the least that makes sense takes about "
        f"{duration(least.seconds / (1 - RESERVE))} here; give more time, skip a stage, or lower training.steps."
    )


def search_seconds(trials: int, parts: Sequence[float], slots: int) -> float:
    """Return the time of a search whose settings are compared after each of `parts`, seconds of a setting each.

    Early ones meet few others, so rather more than one in three go on; the base's own always does.

    >>> search_seconds(9, [60.0, 20.0], 1)
    640.0
    """
    left, total = trials, 0.0
    for part in parts:
        total += math.ceil(left / max(1, slots)) * part
        left = min(left, 2 + round(left / _REDUCTION))
    return total


def _choices(wanted: Wanted) -> Iterator[tuple[int, int, int, int]]:
    """Yield steps, folds, seeds and final trainings, from what asks most to what asks least."""
    enough = min(2, wanted.seeds)
    for part in SHORTER:
        steps = max(1, round(part * wanted.steps))
        for folds in wanted.folds:
            if wanted.confirm:  # which tells whether networks do better together
                yield steps, folds, wanted.seeds, wanted.seeds
            yield steps, folds, wanted.seeds, 1
        for folds in wanted.folds:
            yield steps, folds, enough, 1
    for folds in wanted.folds:
        yield max(1, round(SHORTER[-1] * wanted.steps)), folds, 1, 1


def _scheduled(wanted: Wanted, times: Times, steps: int, folds: int, trials: int, seeds: int, finals: int) -> Schedule:
    one, folded, slots = times(steps, 0), times(steps, folds), max(1, wanted.slots)
    parts = max(1, folds)

    def wall(count: int, seconds: float) -> float:
        return math.ceil(count / slots) * seconds

    stages = []
    if wanted.baseline:
        stages.append(_baseline(wanted, folded, parts))
    if wanted.search:
        # Of a full training, those that are stopped at 60 % and 80 % cost no more.
        at = [folded.val] * folds if folds else [0.6 * one.val, 0.2 * one.val, 0.2 * one.val]
        # The base's own is known from the baseline.
        own = trials - 1 if wanted.baseline else trials
        stages.append(StagePlan("search", trials, STAGE_S + search_seconds(max(0, own), at, slots)))
    if wanted.confirm:
        rows = wanted.methods + wanted.search
        seconds = wall(rows * seeds, one.test) + wanted.supervised * wall(seeds, one.supervised_test)
        stages.append(StagePlan("confirm", (rows + wanted.supervised) * seeds, STAGE_S + seconds))
    if wanted.final:
        stages.append(StagePlan("final", finals, STAGE_S + wall(finals, one.test)))
    return Schedule(steps, folds, trials if wanted.search else 0, seeds, finals if wanted.final else 0, tuple(stages))


def _baseline(wanted: Wanted, one: TrialTimes, parts: int) -> StagePlan:
    count = (wanted.methods + wanted.supervised) * parts
    seconds = parts * (wanted.methods * one.val + wanted.supervised * one.supervised_val)
    return StagePlan("baseline", count, STAGE_S + seconds / max(1, min(wanted.slots, count)))


def _reasons(wanted: Wanted, made: Schedule) -> tuple[str, ...]:
    found = []
    if made.folds != wanted.folds[0]:
        what = f"{made.folds} folds" if made.folds else "the val cases alone"
        found.append(f"{what} choose in place of {wanted.folds[0]} folds")
    if made.seeds < wanted.seeds:
        found.append(f"{made.seeds} fresh seed{'s' * (made.seeds != 1)} in place of {wanted.seeds}")
    if wanted.final and wanted.confirm and made.finals < made.seeds:
        found.append("no ensemble: one final training")
    if made.steps < wanted.steps:
        found.append(f"{made.steps:,} steps a training in place of {wanted.steps:,}")
    if wanted.trials is not None and made.trials < wanted.trials:
        found.append(f"{made.trials} settings in place of {wanted.trials}")
    return tuple(f"To end in time: {one}." for one in found)
