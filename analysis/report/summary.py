"""The summary of a report: what was found and how sure it is, in sentences made from the statistics."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analysis.comparison.metric import Metric, shown
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import (
    SIGNIFICANT,
    Finding,
    detectable,
    few_trainings,
    findings,
    one_training,
    wide_intervals,
)
from analysis.ending.answer import Word, answer_of, best_row
from analysis.ending.words import count, difference_text, mean_text, superlative
from analysis.runs.replicate import chances

Tone = Literal["plain", "better", "worse", "open", "caution"]


_TONES: Final[dict[Word, Tone]] = {
    "stop": "caution",
    "better": "better",
    "worse": "worse",
    "undecided": "open",
    "one seed": "caution",
    "nothing compared": "plain",
    "no scores": "plain",
}


@dataclass(frozen=True)
class Paragraph:
    """A part of the summary.

    Attributes:
        tone: whether it is good or bad news, or a warning.
        text: sentences.
        items: what the sentences announce: a variant and what is said of it.
    """

    tone: Tone
    text: str
    items: tuple[tuple[str, str], ...] = ()


def summarise(scored: ScoredSweep) -> list[Paragraph]:
    """Say what a sweep found: the answer, means, differences from the reference, what they rest on, what weakens them.

    Args:
        scored: the sweep.
    """
    rows, answer = scored.main.means, answer_of(scored)
    told = [Paragraph(_TONES[answer.word], answer.sentence)]
    told.append(Paragraph("plain", " ".join([*_setting(scored, rows), *_means(scored, rows)])))
    if scored.stop is None and any(row.mean is not None for row in rows):
        found = findings(rows)
        told += _differences(scored, rows, found)
        told += _how_sure(found)
        told += _other_metrics(scored)
    told += _lost(rows)
    return told


def _setting(scored: ScoredSweep, rows: Sequence[Row]) -> Iterator[str]:
    planned, finished = sum(row.trials.planned for row in rows), sum(len(row.trials.replicates) for row in rows)
    numbers = sorted({row.trials.planned for row in rows})
    each = f"with {numbers[0]} to {numbers[-1]} seeds each"
    if splits := max((row.trials.splits for row in rows), default=0):
        each = f"with {count(numbers[-1] // splits, 'seed')} times {count(splits, 'label split')} each"
    elif len(numbers) == 1:
        each = f"with {count(numbers[0], 'seed')} each"
    of_data = f" on {scored.sweep.dataset}" if scored.sweep.dataset else ""
    one = len(rows) == 1
    was = ("was" if one else "were") if finished == planned else "is" if one else "are"
    yield f"{count(len(rows), 'variant').capitalize()} {was} trained {each}{of_data}."
    if finished < planned:
        if finished:
            yield f"{finished} of {planned} trials have finished."
    elif not any(row.cases for row in rows):
        yield "The finished trials have no scores."


def _means(scored: ScoredSweep, rows: Sequence[Row]) -> Iterator[str]:
    metric = scored.main.metric
    best = best_row([row for row in rows if row.mean is not None], metric.higher_is_better)
    if best is None:
        return
    cases = max(row.cases for row in rows)
    classes = " (mean over the foreground classes)" if len(scored.classes) > 1 else ""
    on = f"on {cases} {scored.split} case{'' if cases == 1 else 's'}{classes}"
    reference = next((row for row in rows if row.is_reference), None)
    if reference is not None and reference.mean is not None:
        yield f"The reference, {reference.variant}, reaches {mean_text(reference, metric)} {on}."
        if len(rows) == 1:
            return
        if best is reference:
            yield f"No other variant has a {_better(metric)} mean."
            return
        on = ""
    has = "has" if len(rows) == 1 else f"has the {superlative(metric)} mean,"
    yield f"{best.variant} {has} {mean_text(best, metric)}{on and ' '}{on}."


def _differences(scored: ScoredSweep, rows: Sequence[Row], found: Sequence[Finding]) -> Iterator[Paragraph]:
    metric = scored.main.metric
    if not found:  # the answer says why
        return
    for verdict in ("higher", "lower"):
        own = [one for one in found if one.verdict == verdict]
        if verdict == "lower":
            own.reverse()
        if own:
            good = (verdict == "higher") == metric.higher_is_better
            yield Paragraph(
                "better" if good else "worse",
                f"{count(len(own), 'variant').capitalize()} {'scores' if len(own) == 1 else 'score'} {verdict} in "
                f"{metric.label} than the reference, that is {'better' if good else 'worse'}, by more than the choice "
                f"of cases explains (p < {SIGNIFICANT:g}, {scored.sides}, Holm-adjusted for "
                f"{count(len(found), 'comparison')}):",
                tuple((one.variant, difference_text(one, metric)) for one in own),
            )
    own = [one for one in found if one.verdict == "open"]
    if own:
        text = (
            f"For {count(len(own), 'variant')} no difference from the reference could be shown; that is no proof of "
            "equality."
        )
        size = detectable([one.difference for one in found if one.difference.test.p is not None])
        if size is not None:
            text += (
                f" With these cases, a true difference of {shown(size, metric)} {metric.difference_unit} would be "
                "found four times out of five, smaller ones less often."
            )
        yield Paragraph("open", text, tuple((one.variant, difference_text(one, metric)) for one in own))


def _how_sure(found: Sequence[Finding]) -> Iterator[Paragraph]:
    if not found:
        return
    fewest = min((one.difference for one in found), key=lambda difference: chances(difference.replicates))
    what = fewest.chance
    shown_ = [one for one in found if one.verdict != "open"]
    if one_training(fewest.replicates):
        yield Paragraph(
            "caution",
            "With one seed, a difference may be the luck of one training, however small its p: the test asks only "
            "whether these trained networks would differ on other cases. Three seeds or more would tell.",
        )
    elif shown_:
        kept = [one for one in shown_ if one.holds_over_seeds]
        text = (
            f"Counting {what} as well as cases as chance, {_some(len(kept), len(shown_))} "
            f"(p < {SIGNIFICANT:g}, Holm-adjusted): these would be expected of other trainings too."
        )
        if len(kept) < len(shown_):
            lost = ", ".join(one.variant for one in shown_ if not one.holds_over_seeds)
            text += f" What other {what} could undo: {lost}."
        weak = [one.variant for one in shown_ if few_trainings(one.difference.replicates)]
        if weak:
            text += f" With fewer than three {what} that test is weak ({_named(weak)}); train three or more."
        yield Paragraph("plain" if len(kept) == len(shown_) else "caution", text)
    cases = min(one.difference.test.n for one in found)
    if wide_intervals(cases):
        yield Paragraph(
            "caution", f"With {count(cases, 'case')} the intervals are wide: read them before the p-values."
        )
    doubtful = [one.variant for one in found if one.looks_skewed]
    if doubtful:
        yield Paragraph(
            "caution",
            f"The differences of {_named(doubtful)} do not look normally distributed (Shapiro-Wilk), so their t-test "
            "is rough; the CSV of the tables holds the signed-rank test as well.",
        )


def _other_metrics(scored: ScoredSweep) -> Iterator[Paragraph]:
    items = []
    for other in scored.found[1:]:
        found = findings(other.means)
        if not found:
            continue
        up, down = (sum(one.verdict == verdict for one in found) for verdict in ("higher", "lower"))
        better, worse = (up, down) if other.metric.higher_is_better else (down, up)
        items.append((other.metric.heading, f"{better} better, {worse} worse, {len(found) - up - down} open"))
    if items:
        yield Paragraph("plain", "The same comparison in the other metrics, each adjusted by itself:", tuple(items))


def _lost(rows: Sequence[Row]) -> Iterator[Paragraph]:
    failed = [kind for row in rows for kind in row.trials.failed]
    if failed:
        kinds = ", ".join(kind if n == 1 else f"{kind} x {n}" for kind, n in Counter(failed).items())
        planned = sum(row.trials.planned for row in rows)
        yield Paragraph(
            "caution", f"{len(failed)} of {planned} trials failed ({kinds}); all above rests on the others."
        )
    empty, predictions = sum(row.empty_predictions for row in rows), sum(row.predictions for row in rows)
    if empty:
        yield Paragraph(
            "caution",
            f"{empty} of {predictions} predictions are empty although the label is not: overlap counts as 0 there, and "
            "distances are missing, which flatters who has more of them.",
        )


def _better(metric: Metric) -> str:
    return "higher" if metric.higher_is_better else "lower"


def _some(kept: int, of: int) -> str:
    if kept == of:
        return "the difference remains" if of == 1 else "all these differences remain"
    remain = "remains" if kept == 1 else "remain"
    return f"{count(kept, 'difference') if kept else 'no difference'} of {of} {remain}"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{len(names)} variants"
