"""Which trial is the best so far: trials are compared after the same number of steps, or at the ends of variants."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sweeps.status.score import told_dice
from sweeps.status.trial import TrialState

_COMPLETE: Final = frozenset({"finished", "validated"})
_LEAST: Final = 2
"""Unfinished trials that must have been validated at a step; one alone is no best."""


@dataclass(frozen=True)
class Leader:
    """The best trial so far.

    Attributes:
        place: its place among the trials.
        val_dice: mean Dice on the val cases, 0 to 1, that it is the best by.
        step: the training step after which that was measured.
        of: how many trials were compared.
        finished: whether they are those that are trained to the end; else those that were validated at that step.
        steps: fewest and most steps of those that were compared; they differ where variants do.
    """

    place: int
    val_dice: float
    step: int
    of: int
    finished: bool
    steps: tuple[int, int]

    def sentence(self, name: str) -> str:
        """Return what is said of it, given what it is called."""
        told = f"{name}, {told_dice(self.val_dice, 'val')}"
        if self.finished:
            fewest, most = self.steps
            lengths = "" if fewest == most else f" after {fewest} to {most} steps"
            return f"Best of {self.of} finished{lengths}: {told} at step {self.step}"
        return f"Best of {self.of} at step {self.step}: {told}"


def leader(
    trials: Sequence[TrialState], searched: Sequence[bool], variants: Sequence[str] | None = None
) -> Leader | None:
    """Return the trial with the highest Dice on the val cases, the first of equal ones; test scores choose nothing.

    Finished trials are compared by their last validation, after equal steps: what a search tries for fewer steps than
    the longest one is no finished trial, and of the others those count that have the steps most of them have, of two
    such numbers the larger. Where every variant has one number of steps of its own, the sweep sets it, and all are
    compared. As long as none is finished, the others are compared at the largest step at which at least two of them
    were validated. A Dice of NaN is none.

    Args:
        trials: their states.
        searched: for each, whether a search tries it.
        variants: for each, the name of its variant; None where each is one.

    Returns:
        The best one, or none where nothing can be compared.
    """
    complete = {
        place: (dice, trial.step)
        for place, trial in enumerate(trials)
        if trial.state in _COMPLETE and (dice := trial.last_val_dice) is not None and dice == dice
    }
    longest = max((step for _, step in complete.values()), default=0)
    ended = {place: found for place, found in complete.items() if not searched[place] or found[1] == longest}
    if ended:
        names = [trial.id for trial in trials] if variants is None else variants
        return _first(_of_equal_steps(ended, names), finished=True)
    by_step: dict[int, dict[int, tuple[float, int]]] = {}
    for place, trial in enumerate(trials):
        for step, dice in trial.validations:
            if dice == dice:
                by_step.setdefault(step, {})[place] = dice, step
    shared = [step for step, found in by_step.items() if len(found) >= _LEAST]
    return _first(by_step[max(shared)], finished=False) if shared else None


def _first(scores: dict[int, tuple[float, int]], *, finished: bool) -> Leader:
    place = max(scores, key=lambda place: (scores[place][0], -place))
    steps = [step for _, step in scores.values()]
    return Leader(place, *scores[place], of=len(scores), finished=finished, steps=(min(steps), max(steps)))


def _of_equal_steps(ended: dict[int, tuple[float, int]], variants: Sequence[str]) -> dict[int, tuple[float, int]]:
    by_variant: dict[str, set[int]] = {}
    for place, (_, step) in ended.items():
        by_variant.setdefault(variants[place], set()).add(step)
    if all(len(steps) == 1 for steps in by_variant.values()):
        return ended
    counts = Counter(step for _, step in ended.values())
    most = max(counts, key=lambda step: (counts[step], step))
    return {place: found for place, found in ended.items() if found[1] == most}
