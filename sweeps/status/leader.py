"""Which trial is the best so far: trials are compared after the same number of steps alone."""

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
    """

    place: int
    val_dice: float
    step: int
    of: int
    finished: bool

    def sentence(self, name: str) -> str:
        """Return what is said of it, given what it is called."""
        told = f"{name}, {told_dice(self.val_dice, 'val')}"
        if self.finished:
            return f"Best of {self.of} finished: {told} at step {self.step}"
        return f"Best of {self.of} at step {self.step}: {told}"


def leader(trials: Sequence[TrialState], searched: Sequence[bool]) -> Leader | None:
    """Return the trial with the highest Dice on the val cases, the first of equal ones; test scores choose nothing.

    Finished trials are compared by their last validation. As long as there is none, the others are compared at the
    largest step at which at least two of them were validated. What a search tries for fewer steps than others is no
    finished trial.

    Args:
        trials: their states.
        searched: for each, whether a search tries it.

    Returns:
        The best one, or none where nothing can be compared.
    """
    complete = [
        (place, (dice, trial.step), own)
        for place, (trial, own) in enumerate(zip(trials, searched, strict=True))
        if trial.state in _COMPLETE and (dice := trial.last_val_dice) is not None
    ]
    longest = max((step for _, (_, step), own in complete if own), default=0)
    ended = {place: found for place, found, own in complete if not own or found[1] == longest}
    if ended:
        return _first(ended, finished=True)
    by_step: dict[int, dict[int, tuple[float, int]]] = {}
    for place, trial in enumerate(trials):
        for step, dice in trial.validations:
            by_step.setdefault(step, {})[place] = dice, step
    shared = [step for step, found in by_step.items() if len(found) >= _LEAST]
    return _first(by_step[max(shared)], finished=False) if shared else None


def _first(scores: dict[int, tuple[float, int]], *, finished: bool) -> Leader:
    place = max(scores, key=lambda place: (scores[place][0], -place))
    return Leader(place, *scores[place], of=len(scores), finished=finished)
