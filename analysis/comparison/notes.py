"""What a reader of an ablation table must know, in sentences: warnings, and all that was left out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from analysis.comparison.learned import NOTHING_LEARNED
from analysis.comparison.metric import joined, labels
from analysis.comparison.notes_on_tests import notes_on_tests
from analysis.comparison.row import Compared, Row
from analysis.comparison.verdict import NOT_NORMAL, SIGNIFICANT, few_cases, finding, one_training
from analysis.runs.replicate import Replicate, have_splits, luck, named, span
from analysis.runs.sweep import Sides
from simcvd.nested import written

SPREAD: Final = {"sd": "Mean and SD (n - 1)", "ci": "Mean and half of its 95 % t interval"}
"""How the first note begins, by what stands beside the mean."""

_NAMED: Final = 5


def notes(
    found: Sequence[Compared],
    split: str,
    reference: str | None,
    overrides: Mapping[str, Any] | None = None,
    sides: Sides = "two-sided",
    replicates: Sequence[Replicate] = (),
) -> list[str]:
    """Return the notes of a table, what it shows first, then warnings, then what was left out.

    Args:
        found: the metrics that the table shows, with the same variants and classes in the same order.
        split: split that was scored.
        reference: name of the reference variant, if any.
        overrides: settings that the command gave for all variants.
        sides: what the tests ask for.
        replicates: all that the sweep planned.
    """
    one_class = len({row.class_id for row in found[0].rows}) == 2
    told = list(_what(found, split, reference, one_class, sides, replicates))
    if overrides:
        given = ", ".join(f"{key}={written(value)}" for key, value in overrides.items())
        told.append(f"Set by the command, where a variant does not set it itself: {given}.")
    if not any(row.cases for row in found[0].means):
        told.append("No trial has finished with scores yet.")
    told += _by_text(found, one_class)
    if any(len({row.n for row in each.means if row.n}) > 1 for each in found):
        compared = "the differences compare" if len(found) == 1 else "each p compares"
        same = f"cases, {luck(True)}" if have_splits(replicates) else "cases and seeds"
        told.append(f"The means rest on different numbers of cases; {compared} the same {same}.")
    return told


def _what(
    found: Sequence[Compared],
    split: str,
    reference: str | None,
    one_class: bool,
    sides: Sides,
    replicates: Sequence[Replicate],
) -> Iterator[str]:
    splits = have_splits(replicates)
    trainings = f"{span(replicates)} of each variant" if splits else "seeds"
    classes = "" if one_class else ", then classes"
    over = " ".join(filter(None, ("n", split, "cases")))
    yield f"{SPREAD['sd']} over {over}; {trainings}{classes} are averaged per case first."
    if split == "val":
        yield f"Scores are of {split} cases: no finished trial has test scores."
    if reference is None:
        yield "No reference is named, so nothing is compared."
        return
    yield from notes_on_tests(found, reference, one_class, sides)


def _by_text(found: Sequence[Compared], one_class: bool) -> Iterator[str]:
    """Yield every note once, before it the variants that it holds for, in it the metrics unless it holds for all."""
    named = labels([each.metric for each in found])
    told: dict[tuple[str, str], dict[str, list[str]]] = {}
    for rows in zip(*(each.means for each in found), strict=True):
        for each, row in zip(found, rows, strict=True):
            own = (*_warnings(row), *_missing(row, found, each, one_class), *_left_out(row, each, len(found) == 1))
            for text in own:
                told.setdefault(text, {}).setdefault(row.variant, []).append(named[each.metric])
    for (head, tail), by_variant in told.items():
        groups: dict[str, list[str]] = {}
        for variant, own_labels in by_variant.items():
            which = "" if len(own_labels) == len(found) else f" for {joined(own_labels)}"
            groups.setdefault(which, []).append(variant)
        for which, variants in groups.items():
            everyone = len(variants) == len(found[0].means) > 2
            yield f"{'All variants' if everyone else ', '.join(variants)}: {head}{which}{tail}."


def _warnings(row: Row) -> Iterator[tuple[str, str]]:
    trials = row.trials
    if one_training(trials.replicates):
        yield "one seed only", ", so a difference can't be told from the luck of one training; three or more would tell"
    if few_cases(row.n):
        yield f"few cases (n = {row.n}", "), so SD and p are rough"
    if trials.failed:
        yield f"{len(trials.failed)} of {trials.planned} trials failed ({_counted(trials.failed)})", ""
    if trials.unfinished:
        yield f"{trials.unfinished} of {trials.planned} trials not finished", ""
    if trials.unscored:
        yield f"{named(trials.unscored)} finished without scores and left out", ""
    if row.without_value and row.n:
        yield f"{named(row.without_value)} without any value", ", left out of mean and comparison"
    difference, found = row.difference, finding(row.variant, row.difference)
    why = None if difference is None else difference.test.why_no_p
    if row.n and why is not None and why != NOTHING_LEARNED:
        yield "no p-value", f": {why}"
    if difference is None or found is None:
        return
    chance = difference.chance
    if difference.over_seeds is not None and difference.test.p is not None and difference.over_seeds.why_no_p:
        yield f"no p over {chance}", f": {difference.over_seeds.why_no_p.replace('seeds', chance)}"
    if found.on_the_other_side:
        yield (
            "better than the reference",
            f" (one-sided p above {1 - SIGNIFICANT} before it is adjusted); the two-sided test asks for both sides",
        )
    if found.undone_by_seeds:
        yield (
            f"p over cases below {SIGNIFICANT}",
            f" but p over {chance} is not: other {chance} could undo the difference",
        )
    if found.looks_skewed:
        yield (
            "differences do not look normal",
            f" (Shapiro-Wilk p < {NOT_NORMAL}), so p is rough; the CSV has the signed-rank test's",
        )


def _missing(row: Row, found: Sequence[Compared], own: Compared, one_class: bool) -> Iterator[tuple[str, str]]:
    if row.empty_predictions:
        named = labels([each.metric for each in found])
        gone = [label for metric, label in named.items() if not metric.higher_is_better]
        zero = [label for metric, label in named.items() if metric.higher_is_better]
        effects = [f"{joined(zero)} 0"] if zero else []
        effects += [f"{joined(gone)} missing, not 0"] if gone else []
        yield (
            f"{row.empty_predictions} of {row.predictions} predictions empty, "
            f"in {row.empty_cases} of {row.cases} cases ({'; '.join(effects)})",
            "",
        )
    if row.n < row.cases:
        what = own.metric.label if len(found) == 1 else "a value"
        lacking = "" if one_class else " of every class"
        yield f"{row.cases - row.n} of {row.cases} cases without {what}{lacking}", " and left out of the mean"
    if row.empty_labels:
        yield (
            f"{row.empty_labels} of {row.cases} cases without a class in their label",
            ", where that class does not count",
        )


def _left_out(row: Row, own: Compared, alone: bool) -> Iterator[tuple[str, str]]:
    pairs = own.pairs.get(row.variant)
    if pairs is None:
        return
    out = "left out of the comparison"
    if pairs.variant_replicates:
        yield f"its {named(pairs.variant_replicates)} {out}", ", the reference has no scores for it"
    if pairs.reference_replicates:
        yield f"the reference's {named(pairs.reference_replicates)} {out}", ", no scores for it here"
    if pairs.variant_cases:
        yield f"{_cases(pairs.variant_cases)} {out}", ", the reference was not scored on them"
    if pairs.reference_cases:
        yield f"the reference's {_cases(pairs.reference_cases)} {out}", ", not scored here"
    if pairs.unpaired:
        # A table of several metrics says for each p how many cases it rests on.
        rest = f"; it rests on {row.difference.test.n if row.difference else 0} cases" if alone else ""
        place = f"seed, {'label split, ' if row.trials.splits else ''}case and class"
        values = f"{pairs.unpaired} value{'' if pairs.unpaired == 1 else 's'}"
        yield f"{values} {out}", f", the other side has none at that {place}{rest}"


def _counted(words: Iterable[str]) -> str:
    return ", ".join(word if n == 1 else f"{word} x {n}" for word, n in Counter(words).items())


def _cases(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else ""
    return f"{len(cases)} case{'' if len(cases) == 1 else 's'} ({', '.join(cases[:_NAMED])}{more})"
