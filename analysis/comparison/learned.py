"""Whether a network has learned anything: it beats masks that never look at an image, and most of its own hold any."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.comparison.aggregate import FOREGROUND, Scores, case_values
from analysis.comparison.verdict import ENOUGH_CASES, SIGNIFICANT
from analysis.runs.replicate import Replicate
from analysis.statistics import paired_t_test

FEWEST_CASES: Final = 5
"""Cases from which a test tells whether a network is better than the average mask; with fewer only the mean does."""

ANY_MASK: Final = 0.05
"""Dice that a mask reaches anywhere: one of the size of the organ has on the average the organ's share of the scan, of
which 5 % is much. It stands in where the average mask was not measured."""

FAR: Final = 0.1
"""Share of what the average mask lacks that a network must have closed to be far above it."""

MOSTLY: Final = 0.5
"""Share of a variant's predictions; where more are empty, its mean tells how often, not how well it segments."""

NAME_LETTERS: Final = 32
"""A variant's name is cut here in a verdict, so that twenty lines suffice; the tables have it whole."""

NOTHING_LEARNED: Final = "nothing was learned"
"""Why there is no p."""

_ADVICE: Final = (
    "Look at the labels (simcvd inspect), train longer (training.steps), or label more cases. No p-values are shown."
)


@dataclass(frozen=True)
class Learned:
    """A network against a mask that never looks at the image, on the same cases.

    Attributes:
        network: mean Dice of the network.
        average: mean Dice of the average mask.
        cases: how many.
        p: of the one-sided paired t-test that the network is better; None with fewer than `FEWEST_CASES`.
    """

    network: float
    average: float
    cases: int
    p: float | None

    @property
    def anything(self) -> bool:
        """Whether the network is better: by the test, or by its mean where cases are too few for the test to tell.

        With fewer than `ENOUGH_CASES` a network far above the mask may have no small p; it is given the benefit.
        """
        if self.network <= self.average:
            return False
        return self.p is None or self.p < SIGNIFICANT or (self.cases < ENOUGH_CASES and self._is_far_above)

    @property
    def _is_far_above(self) -> bool:
        """Whether it has closed a tenth or more of what the mask lacks to a Dice of 1."""
        return self.network - self.average >= FAR * (1 - self.average)

    def sentence(self, who: str) -> str:
        """Return what is to be said where nothing was learned."""
        return _stop(self.why(who))

    def why(self, who: str) -> str:
        """Return the two numbers, as a clause."""
        chance = ", which may be chance" if self.network > self.average else ""
        return (
            f"{who} reaches Dice {100 * self.network:.1f} % on {self.cases} cases{chance}; one mask for all of them, "
            f"the average of the labelled cases, reaches {100 * self.average:.1f} %"
        )


def learned(network: Mapping[str, float], average: Mapping[str, float]) -> Learned | None:
    """Compare a network with the average mask, Dice by case, each the mean over classes; None without common cases."""
    both = sorted(average.keys() & network.keys())
    if not both:
        return None
    own, other = [network[case] for case in both], [average[case] for case in both]
    p = paired_t_test(own, other, "reference lower").p if len(both) >= FEWEST_CASES else None
    return Learned(math.fsum(own) / len(both), math.fsum(other) / len(both), len(both), p)


def nothing_learned(
    scores: Mapping[str, Scores[Replicate]], reference: str | None, average: Mapping[str, float]
) -> str | None:
    """Say that the reference or the best variant has learned nothing, so that differences mean nothing; None otherwise.

    Args:
        scores: Dice of each variant.
        reference: the variant that the others are compared with, if any.
        average: Dice of the average mask by case; empty where it was not measured.
    """
    dice = {name: _by_case(own) for name, own in scores.items()}
    means = {name: math.fsum(own.values()) / len(own) for name, own in dice.items() if own}
    if not means:
        return None
    best = max(means, key=lambda name: means[name])
    first = reference if reference in means else best
    assert first is not None
    who = {
        best: f"{cut(best)}, the best,",
        first: f"{cut(first)}, the {'reference' if reference == first else 'best'},",
    }
    why = {name: _why(told, scores[name], dice[name], average) for name, told in who.items()}
    if (own := why[first]) is not None:
        return _stop(own, " by the reference" if why[best] is None else "")
    return None if (own := why[best]) is None else _stop(own)


def _why(who: str, scores: Scores[Replicate], dice: Mapping[str, float], average: Mapping[str, float]) -> str | None:
    """Say why a variant has learned nothing; None where it has learned something."""
    asked = int((scores.scored & scores.present).sum())
    if asked and (empty := int(scores.empty.sum())) > MOSTLY * asked:
        return f"{who} has {empty} of {asked} predictions empty although the label is not"
    found = learned(dice, average)
    if found is not None:
        return None if found.anything else found.why(who)
    mean = math.fsum(dice.values()) / len(dice)
    return f"{who} reaches Dice {100 * mean:.1f} %, which a mask anywhere can reach" if mean <= ANY_MASK else None


def cut(name: str) -> str:
    """Return a variant's name, cut where it is long."""
    name = " ".join(name.split())
    return name if len(name) <= NAME_LETTERS else f"{name[: NAME_LETTERS - 3]}..."


def _by_case(scores: Scores[Replicate]) -> dict[str, float]:
    if not scores.runs:
        return {}
    values = case_values(scores)[:, FOREGROUND].tolist()
    return {case: value for case, value in zip(scores.cases, values, strict=True) if value == value}


def _stop(why: str, by: str = "") -> str:
    return f"STOP: {NOTHING_LEARNED}{by}. {why}. {_ADVICE}"
