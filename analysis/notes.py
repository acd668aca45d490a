"""What a reader of an ablation table must know, in sentences: warnings, and all that was left out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from analysis.aggregate import Pairs
from analysis.metric import Metric
from analysis.row import Row

FEW_CASES: Final = 10
"""Below this a note says that p is rough: the t-test then leans on differences being normally distributed."""

_NAMED: Final = 5


def notes(
    rows: Sequence[Row], pairs: Mapping[str, Pairs], metric: Metric, split: str, reference: str | None
) -> list[str]:
    """Return the notes of a table, what it shows first, then warnings, then what was left out.

    Args:
        rows: all rows, the foreground mean of every variant among them.
        pairs: comparison of each variant with the reference.
        metric: what is compared.
        split: split that was scored.
        reference: name of the reference variant, if any.
    """
    means = [row for row in rows if row.class_id is None]
    one_class = len({row.class_id for row in rows}) == 2
    found = list(_what(means, metric, split, reference, one_class))
    if not any(row.cases for row in means):
        found.append("No trial has finished with scores yet.")
    told: dict[str, list[str]] = {}
    for row in means:
        for text in (*_warnings(row), *_missing(row, metric, one_class), *_left_out(row, pairs.get(row.variant))):
            told.setdefault(text, []).append(row.variant)
    found += [f"{', '.join(names)}: {text}." for text, names in told.items()]
    if len({row.n for row in means if row.n}) > 1:
        found.append("The means rest on different numbers of cases; the differences compare the same cases and seeds.")
    return found


def _what(means: Sequence[Row], metric: Metric, split: str, reference: str | None, one_class: bool) -> Iterator[str]:
    classes = "" if one_class else ", then classes"
    yield f"Mean and SD (n - 1) over n {split} cases; seeds{classes} are averaged per case first."
    if split != "test":
        yield f"Scores are of {split} cases: no finished trial has test scores."
    if reference is None:
        yield "The sweep names no reference, so nothing is compared."
        return
    tests = sum(row.test is not None and row.test.p is not None for row in means)
    side = "higher" if metric.higher_is_better else "lower"
    yield (
        f"p: paired one-sided t-test over cases, alternative: the {metric.label} of the reference ({reference}) is "
        f"{side}; not corrected for {tests} comparison{'' if tests == 1 else 's'}."
    )


def _warnings(row: Row) -> Iterator[str]:
    trials = row.trials
    if len(trials.seeds) == 1:
        yield "one seed only, so a difference may be the luck of one training; three or more would tell"
    if 0 < row.n < FEW_CASES:
        yield f"few cases (n = {row.n}), so SD and p are rough"
    if trials.failed:
        yield f"{len(trials.failed)} of {trials.planned} trials failed ({_counted(trials.failed)})"
    if trials.unfinished:
        yield f"{trials.unfinished} of {trials.planned} trials not finished"
    if trials.unscored:
        yield f"{_seeds(trials.unscored)} finished without scores and left out"
    if row.n and row.test is not None and row.test.why_no_p:
        yield f"no p-value: {row.test.why_no_p}"


def _missing(row: Row, metric: Metric, one_class: bool) -> Iterator[str]:
    if row.empty_predictions:
        effect = "Dice and Jaccard 0" if metric.higher_is_better else f"{metric.label} missing, not 0"
        yield (
            f"{row.empty_predictions} of {row.predictions} predictions empty, "
            f"in {row.empty_cases} of {row.cases} cases ({effect})"
        )
    if row.n < row.cases:
        lacking = "" if one_class else " of every class"
        yield f"{row.cases - row.n} of {row.cases} cases without {metric.label}{lacking} and left out of the mean"
    if row.empty_labels:
        yield f"{row.empty_labels} of {row.cases} cases without a class in their label, where that class does not count"


def _left_out(row: Row, pairs: Pairs | None) -> Iterator[str]:
    if pairs is None:
        return
    if pairs.variant_seeds:
        yield f"its {_seeds(pairs.variant_seeds)} left out of the comparison, the reference has no scores for it"
    if pairs.reference_seeds:
        yield f"the reference's {_seeds(pairs.reference_seeds)} left out of the comparison, no scores for it here"
    if pairs.variant_cases:
        yield f"{_named(pairs.variant_cases)} left out of the comparison, the reference was not scored on them"
    if pairs.reference_cases:
        yield f"the reference's {_named(pairs.reference_cases)} left out of the comparison, not scored here"
    if pairs.unpaired:
        yield (
            f"{pairs.unpaired} values left out of the comparison, the other side has none at that seed, case and "
            f"class; it rests on {row.test.n if row.test else 0} cases"
        )


def _seeds(seeds: Iterable[int]) -> str:
    numbers = [str(seed) for seed in seeds]
    return f"seed{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}"


def _counted(words: Iterable[str]) -> str:
    return ", ".join(word if n == 1 else f"{word} x {n}" for word, n in Counter(words).items())


def _named(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else ""
    return f"{len(cases)} case{'' if len(cases) == 1 else 's'} ({', '.join(cases[:_NAMED])}{more})"
