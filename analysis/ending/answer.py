"""What a sweep came to: better, worse, undecided, not settled, or nothing learned at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.comparison.learned import cut
from analysis.comparison.metric import Metric, points
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import Finding, finding, findings, one_training
from analysis.ending.words import count, superlative

Word = Literal["stop", "better", "worse", "undecided", "one seed", "nothing compared", "no scores"]


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

    Better, or worse, is what both tests show: over cases, and over seeds (or label splits) and cases. The best variant
    is the one with the best difference on the cases and seeds that it shares with the reference.
    """
    metric, rows = scored.main.metric, scored.main.means
    reference = next((row for row in rows if row.is_reference), None)
    leader = best_row([row for row in rows if row.mean is not None], metric.higher_is_better)
    if scored.stop is not None:
        return Answer("stop", leader, scored.stop)
    if leader is None:
        return Answer("no scores", None, _no_scores(scored))
    found = findings(rows)
    if reference is None or not found:
        return Answer("nothing compared", leader, _not_compared(scored, leader))
    ahead = max(found, key=lambda one: metric.gain(one.mean))
    # A higher mean may rest on other cases and seeds than the reference has; differences are of the same ones.
    best = next(row for row in rows if row.variant == ahead.variant) if metric.gain(ahead.mean) > 0 else reference
    missing = len(rows) - 1 - len(found)
    left = f" {count(missing, 'variant').capitalize()} can't be compared." if missing else ""
    if all(one_training(one.difference.replicates) for one in found):
        text = f"Not settled, because of one seed: {_leads(scored, best, leader, reference)}.{left}"
        return Answer("one seed", best, text)
    better = [one for one in found if is_shown(one) and metric.gain(one.mean) > 0]
    if better:
        champion = max(better, key=lambda one: metric.gain(one.mean))
        row = next(row for row in rows if row.variant == champion.variant)
        gain = points(abs(champion.mean), metric).lstrip("+")
        text = f"Better: {short_name(row)} beats the reference {short_name(reference)} by {gain}."
        if row is not best:
            text += f" {_leads(scored, best, leader, reference)}, but that gain is not shown."
        return Answer("better", row, text + left)
    if best is not reference:
        leads = _leads(scored, best, leader, reference)
        if scored.sides == "one-sided":
            text = (
                f"Not asked: {leads}; one-sided tests ask only whether the reference is better (--two-sided asks both)."
            )
        elif one_training(ahead.difference.replicates):
            text = f"Not settled, because {short_name(best)} has one seed in common with the reference: {leads}."
        else:
            text = f"Undecided: {leads}, but other cases or {ahead.difference.chance} could undo it."
        return Answer("undecided", best, text + left)
    return Answer(*_of_best_reference(found, reference, left, metric))


def is_shown(found: Finding) -> bool:
    """Tell whether both tests show a difference; with one seed in common none does."""
    return found.holds and not one_training(found.difference.replicates)


def _no_scores(scored: ScoredSweep) -> str:
    if not any(row.trials.replicates for row in scored.main.means):
        return "No trial has finished with scores yet."
    metric = scored.main.metric
    why = "records of before it was measured have none" if metric.higher_is_better else "a class is never predicted"
    return f"No case has a value of {metric.label} of every class: {why}."


def _not_compared(scored: ScoredSweep, leader: Row) -> str:
    if len(scored.main.means) == 1:
        return f"There is one variant, {short_name(leader)}, so nothing is compared."
    why = "no variant shares a scored case with the reference"
    if scored.reference is None:
        why = "the sweep names no reference (--reference names one)"
    return f"Nothing is compared: {why}. {short_name(leader)} has the {superlative(scored.main.metric)} mean."


def _of_best_reference(found: Sequence[Finding], reference: Row, left: str, metric: Metric) -> tuple[Word, Row, str]:
    """Say what is shown where no variant is ahead of the reference."""
    base = short_name(reference)
    worse = [one for one in found if is_shown(one) and metric.gain(one.mean) < 0]
    if len(worse) == len(found):
        others = "the other variant is" if len(found) == 1 else f"all {count(len(found), 'other variant')} are"
        others = others if not left else f"{count(len(found), 'compared variant')} {'is' if len(found) == 1 else 'are'}"
        return "worse", reference, f"The reference {base} is the best: {others} worse.{left}"
    if worse:
        told = f"{len(worse)} of {count(len(found), 'other variant')} {'is' if len(worse) == 1 else 'are'} worse"
        text = f"No variant is ahead of the reference {base}: {told}, {len(found) - len(worse)} undecided."
        return "worse", reference, text + left
    return (
        "undecided",
        reference,
        f"Undecided: no variant is ahead of the reference {base}, no difference is shown.{left}",
    )


def _leads(scored: ScoredSweep, best: Row, leader: Row, reference: Row) -> str:
    metric, name = scored.main.metric, short_name(best)
    what = f"has the {superlative(metric)} mean" if best is leader else "is ahead on shared cases and seeds"
    if best is reference:
        return f"no variant is ahead of the reference {name}" if best is not leader else f"the reference {name} {what}"
    own = finding(best.variant, best.difference)
    apart = "" if own is None else f", {points(own.mean, metric)} against the reference {short_name(reference)}"
    return f"{name} {what}{apart}"


def best_row(rows: Sequence[Row], higher: bool) -> Row | None:
    """Return the row with the best mean; of equal ones the reference."""
    sign = 1 if higher else -1
    return max(rows, key=lambda row: (sign * (row.mean or 0.0), row.is_reference), default=None)


def short_name(row: Row) -> str:
    """Return a variant's name, cut where it is long."""
    return cut(row.variant)
