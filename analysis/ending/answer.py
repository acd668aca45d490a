"""What a sweep came to: better, worse, undecided, not settled, or nothing learned at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analysis.comparison.metric import points
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import finding, findings, one_training
from analysis.ending.words import count, superlative

Word = Literal["stop", "better", "worse", "undecided", "one seed", "nothing compared", "no scores"]

NAME_LETTERS: Final = 32
"""A variant's name is cut here, so that twenty lines suffice; the tables have it whole."""


@dataclass(frozen=True)
class Answer:
    """What a sweep came to.

    Attributes:
        word: the verdict in a word.
        best: the variant that it is about: the best of those shown to be better, else the one with the best mean.
        sentence: the verdict in sentences.
    """

    word: Word
    best: Row | None
    sentence: str


def answer_of(scored: ScoredSweep) -> Answer:
    """Return what a sweep came to.

    Better, or worse, is what is so by the test over cases and, with several seeds, by the one over seeds and cases.
    """
    metric, rows = scored.main.metric, scored.main.means
    reference = next((row for row in rows if row.is_reference), None)
    best = best_row([row for row in rows if row.mean is not None], metric.higher_is_better)
    if scored.stop is not None:
        return Answer("stop", best, scored.stop)
    if best is None:
        return Answer("no scores", None, "No trial has finished with scores yet.")
    found = findings(rows)
    name = short_name(best)
    if reference is None or not found:
        why = "no variant shares a scored case with the reference"
        if reference is None:
            why = "the sweep names no reference (--reference names one)"
        if len(rows) == 1:
            return Answer("nothing compared", best, f"There is one variant, {name}, so nothing is compared.")
        return Answer(
            "nothing compared", best, f"Nothing is compared: {why}. {name} has the {superlative(metric)} mean."
        )
    base, others = short_name(reference), count(len(found), "other variant")
    sign = 1 if metric.higher_is_better else -1
    better = [one for one in found if one.holds and sign * one.mean > 0]
    worse = [one for one in found if one.holds and sign * one.mean < 0]
    if all(one_training(one.difference.replicates) for one in found):
        return Answer("one seed", best, f"Not settled, because of one seed: {_leads(scored, best, reference)}.")
    if better:
        champion = best_row([row for row in rows if row.variant in {one.variant for one in better}], sign > 0)
        assert champion is not None
        own = finding(champion.variant, champion.difference)
        assert own is not None
        text = f"Better: {short_name(champion)} beats the reference {base} by {points(own.mean, metric).lstrip('+-')}."
        if champion is not best:
            text += f" {name} has the {superlative(metric)} mean, but of that no gain is shown."
        return Answer("better", champion, text)
    if best is not reference:
        return Answer(
            "undecided", best, f"Undecided: {_leads(scored, best, reference)}, but other cases or seeds could undo it."
        )
    if len(worse) == len(found):
        return Answer("worse", best, f"The reference {base} is the best: {_all_are(others, len(found))} worse.")
    if worse:
        left = len(found) - len(worse)
        told = f"{len(worse)} of {others} {'is' if len(worse) == 1 else 'are'} worse, {left} undecided"
        return Answer("worse", best, f"No variant is shown to be better than the reference {base}: {told}.")
    return Answer(
        "undecided",
        best,
        f"Undecided: the reference {base} has the {superlative(metric)} mean, no difference is shown.",
    )


def _leads(scored: ScoredSweep, best: Row, reference: Row) -> str:
    metric = scored.main.metric
    if best is reference:
        return f"the reference {short_name(best)} has the {superlative(metric)} mean"
    own = finding(best.variant, best.difference)
    apart = "" if own is None else f", {points(own.mean, metric)} against the reference {short_name(reference)}"
    return f"{short_name(best)} has the {superlative(metric)} mean{apart}"


def _all_are(others: str, number: int) -> str:
    return "the other variant is" if number == 1 else f"all {others} are"


def best_row(rows: Sequence[Row], higher: bool) -> Row | None:
    """Return the row with the best mean; of equal ones the reference."""
    sign = 1 if higher else -1
    return max(rows, key=lambda row: (sign * (row.mean or 0.0), row.is_reference), default=None)


def short_name(row: Row) -> str:
    """Return a variant's name, cut where it is long."""
    name = row.variant
    return name if len(name) <= NAME_LETTERS else f"{name[: NAME_LETTERS - 3]}..."
