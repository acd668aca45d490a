"""Which trials of a sweep fit what a command may use: a number of trials, or hours of GPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sweeps.definition.expand import TrialSpec
from sweeps.request import Budget


@dataclass(frozen=True)
class Choice:
    """The trials that a command runs now.

    Attributes:
        trials: in the sweep's order.
        left_out: those that wait for another command.
        notices: a sentence each on what was left out and why.
    """

    trials: tuple[TrialSpec, ...]
    left_out: tuple[TrialSpec, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the trials that run."""
        return frozenset(trial.id for trial in self.trials)


def choose(pending: Sequence[TrialSpec], budget: Budget, hours: Mapping[str, float]) -> Choice:
    """Choose the trials that fit a budget, from the front of the sweep's order.

    Of hours of GPU, whole replicates (all variants of one seed and label split) come first, since only they compare;
    a part of one is taken where not even the first fits.

    Args:
        pending: trials to run, in the sweep's order.
        budget: what may be used.
        hours: predicted hours of GPU by trial id; what is not in it counts as nothing.
    """
    taken = list(pending[: budget.max_trials])
    notices = []
    if len(taken) < len(pending):
        notices.append(f"--max-trials {budget.max_trials}: {len(pending) - len(taken)} of {len(pending)} trials wait.")
    if budget.gpu_hours is not None and hours:
        before, taken = len(taken), _fitting(taken, budget.gpu_hours, hours)
        used = sum(hours.get(trial.id, 0.0) for trial in taken)
        told = f"--gpu-hours {budget.gpu_hours:g}: "
        if used > budget.gpu_hours:
            notices.append(
                f"{told}not even the first trial fits (predicted {used:.2g} GPU-hours); it runs until the budget is "
                "used up, and the same command continues it."
            )
        elif len(taken) < before:
            seeds = len({_replicate(trial) for trial in taken})
            notices.append(
                f"{told}{before - len(taken)} of {before} trials wait; the {len(taken)} that run are predicted to use "
                f"{used:.2g} and are of {seeds} replicate{'' if seeds == 1 else 's'}."
            )
    ids = {trial.id for trial in taken}
    return Choice(tuple(taken), tuple(trial for trial in pending if trial.id not in ids), tuple(notices))


def _fitting(trials: Sequence[TrialSpec], limit_h: float, hours: Mapping[str, float]) -> list[TrialSpec]:
    taken: list[TrialSpec] = []
    left_h = limit_h
    for _, group in groupby(trials, key=_replicate):
        replicate = list(group)
        needed_h = sum(hours.get(trial.id, 0.0) for trial in replicate)
        if needed_h > left_h:
            return taken or _part(replicate, limit_h, hours)
        taken += replicate
        left_h -= needed_h
    return taken


def _part(replicate: Sequence[TrialSpec], limit_h: float, hours: Mapping[str, float]) -> list[TrialSpec]:
    used_h = 0.0
    for count, trial in enumerate(replicate):
        used_h += hours.get(trial.id, 0.0)
        if used_h > limit_h:
            return list(replicate[: max(1, count)])
    return list(replicate)


def _replicate(trial: TrialSpec) -> tuple[int, int | None]:
    return trial.seed, trial.label_split
