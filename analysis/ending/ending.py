"""How a sweep ended, as a value: the verdict, the best variant against the reference, a caution, what to paste."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.comparison.metric import shown, shown_p
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.search import SearchResult
from analysis.comparison.verdict import SIGNIFICANT, Finding, finding, findings, one_training
from analysis.ending.answer import Word, answer_of, best_row, is_shown, short_name
from analysis.ending.caution import Asked, Caution, first_caution, trial_states
from analysis.ending.words import difference_text, mean_text, p_text
from analysis.runs.replicate import counts


@dataclass(frozen=True)
class Part:
    """A line of it.

    Attributes:
        text: one or several sentences.
        rank: 0 is always shown; of the others the highest go first where lines are scarce.
    """

    text: str
    rank: int = 0


@dataclass(frozen=True)
class Ending:
    """How a sweep ended.

    Attributes:
        word: the verdict in a word.
        parts: the verdict in sentences, then what it rests on.
        commands: what to paste next.
        content: the same for programs; scores in their stored unit (Dice from 0 to 1).
    """

    word: Word
    parts: tuple[Part, ...]
    commands: tuple[str, ...]
    content: dict[str, Any] = field(repr=False)

    @property
    def sentence(self) -> str:
        """The verdict in sentences."""
        return self.parts[0].text


def ending_of(
    scored: ScoredSweep,
    place: Path,
    *,
    search: SearchResult | None = None,
    asked: Asked = Asked(),  # noqa: B008 (frozen)
) -> Ending:
    """Return how a sweep ended, or stands.

    Args:
        scored: the sweep, with all metrics that it names.
        place: `RUNS/sweeps/NAME` as commands are to name it.
        search: what it searched and found, if it searches.
        asked: what its command can be told.
    """
    rows = scored.main.means
    reference = next((row for row in rows if row.is_reference), None)
    answer = answer_of(scored)
    best = answer.best
    found = None if best is None else finding(best.variant, best.difference)
    watched = found or next(iter(findings(rows)), None)
    caution = first_caution(scored, watched, asked)
    parts = [Part(answer.sentence)]
    if search is not None:
        parts += [Part(line, rank) for line, rank in zip(search.sentences(), (2, 6, 1, 5, 0), strict=False)]
    parts += [part for part in _numbers(scored, reference, best, found) if part is not None]
    if caution is not None:
        parts.append(Part(f"Caution: {caution.text}"))
    parts.append(Part(_trials(scored)))
    commands = tuple(
        shlex.join(["simcvd", *words, str(place), *more])
        for words, more in (
            (("tables",), ()),
            (("tables",), ("--format", "latex")),
            (("figures",), ()),
            (("report",), ()),
        )
    )
    content = _content(scored, (reference, best), found, caution)
    content = {"verdict": answer.word, "sentence": answer.sentence, **content, "commands": commands}
    return Ending(answer.word, tuple(parts), commands, content)


def _numbers(
    scored: ScoredSweep, reference: Row | None, best: Row | None, found: Finding | None
) -> Iterator[Part | None]:
    metric, split = scored.main.metric, scored.split
    others = findings(scored.main.means)
    second, what_second = best, "best"
    if best is reference and others:
        nearest = max(others, key=lambda one: metric.gain(one.mean))
        second, what_second, found = _row_of(scored, nearest.variant), "next", nearest
    for row, what in ((reference, "reference"), (second, what_second)):
        if row is None or row.mean is None or (row is reference and what != "reference"):
            continue
        on = " ".join(filter(None, (str(row.n), split, "cases")))
        yield Part(f"  {what}: {short_name(row)}, {mean_text(row, metric)}; {on}, {_trained(row)}")
    if found is not None:
        tests = sum(one.difference.p_holm is not None for one in others)
        adjusted = f" (Holm, {tests} tests)" if tests > 1 else ""  # the interval is not adjusted
        yield Part(f"  difference: {difference_text(found, metric)}{adjusted}")
    if best is not None and best.standing is not None:
        known = sum(row.standing is not None for row in scored.main.means)
        left = sum(row.mean is not None for row in scored.main.means) - known
        apart = f" ({left} more with other {best.difference.chance if best.difference else 'seeds'})" if left else ""
        told = f"that {short_name(best)} is really the best of {known}{apart}: {shown_p(best.standing.first)}"
        if best.standing.false is not None:
            told += f"; that the difference has the other sign: {shown_p(best.standing.false)}"
        yield Part(f"  probability {told}", 2)
    settled = scored.stop is None and not all(one_training(one.difference.replicates) for one in others)
    if len(others) > 1 and settled:
        yield Part(f"{_counted(scored, others)} (p < {SIGNIFICANT:g}, {scored.sides}, Holm).", 3)
    if reference is not None and best is not None and best is not reference:
        yield _other_metrics(scored, best, reference)
    yield _weakest(scored, best)


def _row_of(scored: ScoredSweep, variant: str) -> Row:
    return next(row for row in scored.main.means if row.variant == variant)


def _counted(scored: ScoredSweep, others: Sequence[Finding]) -> str:
    gain = scored.main.metric.gain
    chance = sorted({one.difference.chance for one in others if one.difference.over_seeds}, reverse=True)
    over = f" over cases and {' or '.join(chance)}" if chance else " over cases"
    better, worse = (sum(is_shown(one) and side * gain(one.mean) > 0 for one in others) for side in (1, -1))
    return f"Against the reference{over}: {better} better, {worse} worse, {len(others) - better - worse} undecided"


def _other_metrics(scored: ScoredSweep, best: Row, reference: Row) -> Part | None:
    told = []
    for each in scored.found[1:]:
        own, other = (next(row for row in each.means if row.variant == side.variant) for side in (best, reference))
        p = _deciding_p(own)
        shown_p = "" if p is None else f" ({p_text(p)})"
        values = f"{shown(own.mean, each.metric)} against {shown(other.mean, each.metric)}"
        told.append(f"{each.metric.label} {values} {each.metric.unit}{shown_p}")
    if not told:
        return None
    tested = best.difference if scored.stop is None else None
    over = "" if tested is None else " (p over cases)"
    if tested is not None and tested.over_seeds is not None:
        over = f" (p over {tested.chance} and cases)"
    return Part(f"Other metrics{over}, {short_name(best)} against the reference: {'; '.join(told)}.", 4)


def _deciding_p(row: Row) -> float | None:
    """Return the p over seeds and cases, or over cases where there is no other."""
    if row.difference is None:
        return None
    return row.difference.p_holm if row.difference.over_seeds is None else row.difference.over_seeds_holm


def _weakest(scored: ScoredSweep, best: Row | None) -> Part | None:
    if best is None or len(scored.classes) < 2:
        return None
    metric = scored.main.metric
    own = [row for row in scored.rows if row.variant == best.variant and row.class_id is not None]
    if not own:
        return None
    missing = [row for row in own if row.mean is None]
    weakest = missing[0] if missing else best_row(own, not metric.higher_is_better)
    assert weakest is not None
    value = f"no {metric.label}" if missing else f"{metric.label} {shown(weakest.mean, metric)} {metric.unit}".strip()
    return Part(f"Weakest of {len(scored.classes)} classes of {short_name(best)}: {weakest.class_name}, {value}.", 5)


def _trained(row: Row) -> str:
    seeds, splits = counts(each for each in row.trials.replicates if each not in row.without_value)
    told = f"{seeds} seed{'' if seeds == 1 else 's'}"
    return f"{told} x {splits} label split{'' if splits == 1 else 's'}" if splits else told


def _trials(scored: ScoredSweep) -> str:
    states, rows = trial_states(scored), scored.main.means
    empty, predictions = sum(row.empty_predictions for row in rows), sum(row.predictions for row in rows)
    return (
        f"Trials: {states['finished']} of {states.total()} finished, {states['failed']} failed, {states['open']} open; "
        f"{empty} of {predictions} predictions empty."
    )


def _content(
    scored: ScoredSweep, sides: tuple[Row | None, Row | None], found: Finding | None, caution: Caution | None
) -> dict[str, Any]:
    rows, metric, states = scored.main.means, scored.main.metric, trial_states(scored)
    reference, best = sides
    difference = None if found is None else found.difference
    return {
        "sweep": scored.sweep.name,
        "dataset": scored.sweep.dataset,
        "split": scored.split,
        "metric": metric.name,
        "test": scored.sides,
        "reference": _side(reference),
        "best": _side(best),
        "difference": None
        if difference is None
        else {
            "mean": difference.test.difference,
            "ci_low": difference.shown_interval.low,
            "ci_high": difference.shown_interval.high,
            "ci_over": f"{difference.chance} and cases" if difference.interval_counts_seeds else "cases",
            "p_over_cases": difference.p_holm,
            "p_over_seeds_and_cases": difference.over_seeds_holm,
            "cases": difference.test.n,
        },
        "caution": None if caution is None else vars(caution),
        "trials": {
            "planned": states.total(),
            "finished": states["finished"],
            "failed": states["failed"],
            "unfinished": states["open"],
        },
        "predictions": sum(row.predictions for row in rows),
        "empty_predictions": sum(row.empty_predictions for row in rows),
    }


def _side(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "variant": row.variant,
        "mean": row.mean,
        "sd": row.sd,
        "cases": row.n,
        "trainings": len(row.trials.replicates),
        "p_first": None if row.standing is None else row.standing.first,
        "p_false_claim": None if row.standing is None else row.standing.false,
    }
