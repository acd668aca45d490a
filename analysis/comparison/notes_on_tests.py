"""What a reader must know about the tests of a table, in sentences."""

from collections import Counter
from collections.abc import Iterator, Sequence

from analysis.comparison.difference import Difference
from analysis.comparison.metric import joined, labels, shown
from analysis.comparison.row import Compared, Row
from analysis.comparison.verdict import POWER, detectable, usual_cases
from analysis.runs.replicate import several_splits
from analysis.runs.sweep import Sides


def notes_on_tests(found: Sequence[Compared], reference: str, one_class: bool, sides: Sides) -> Iterator[str]:
    """Say which tests there are, for which family they are adjusted, what they rest on and what they can find.

    Args:
        found: the metrics that the table shows, with the same variants and classes in the same order.
        reference: name of the reference variant.
        one_class: whether there is one class only.
        sides: what the tests ask for.
    """
    tests = [sum(_tested(row) is not None for row in each.means) for each in found]
    each_of = [*([] if one_class else ["class"]), *(["metric"] if len(found) > 1 else [])]
    family = f"{_span(tests)}{f' of each {joined(each_of)}' if each_of else ''}"
    yield (
        f"p: paired {sides} t-test over cases, alternative: "
        f"{_either(found, reference) if sides == 'two-sided' else _alternative(found, reference)}; "
        + (f"adjusted by Holm's method for the {family}." if any(tests) else "there is nothing to test.")
    )
    if len(found) > 1 and any(tests):
        yield _behind_p(found)
    yield from _over_seeds(found)
    yield from _moved_more(found)
    yield from _detectable(found)
    yield from _sources(found[0])


def _alternative(found: Sequence[Compared], reference: str) -> str:
    metrics = [each.metric for each in found]
    if len(metrics) == 1:
        side = "higher" if metrics[0].higher_is_better else "lower"
        return f"the {metrics[0].label} of the reference ({reference}) is {side}"
    higher = joined([label for metric, label in labels(metrics).items() if metric.higher_is_better])
    lower = joined([label for metric, label in labels(metrics).items() if not metric.higher_is_better])
    sides = [f"higher {higher}" if higher else "", f"lower {lower}" if lower else ""]
    return f"the reference ({reference}) has {joined([side for side in sides if side])}"


def _tested(row: Row) -> Difference | None:
    """Return the difference of a row whose t-test has a p."""
    return row.difference if row.difference is not None and row.difference.test.p is not None else None


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low if low == high else f'{low} to {high}'} comparison{'' if high == 1 else 's'}"


def _over_seeds(found: Sequence[Compared]) -> Iterator[str]:
    """Say what the p over seeds, or label splits, and cases is, where a comparison has one."""
    compared = [row.difference for each in found for row in each.means if row.difference is not None]
    tested = [each for each in compared if each.over_seeds is not None and each.over_seeds.p is not None]
    if any(several_splits(each.replicates) for each in tested):
        yield (
            "p over label splits: the same comparison tested over label splits and cases; seeds are averaged within "
            "each split. It is adjusted likewise. The t-test takes the trained networks as they are; only p over label "
            "splits says whether the variants would differ with other labels too."
        )
    if not all(several_splits(each.replicates) for each in tested):
        yield (
            "p over seeds: the same comparison tested over seeds and cases, adjusted likewise. The t-test takes the "
            "trained networks as they are; only p over seeds says whether the variants would differ with other seeds "
            "too."
        )


def _moved_more(found: Sequence[Compared]) -> Iterator[str]:
    """Say which variants are not in the variance that the others' p over seeds rests on."""
    told: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for each, label in zip(found, labels([each.metric for each in found]).values(), strict=True):
        if each.apart:
            chance = next(row.difference.chance for row in each.means if row.difference is not None)
            told.setdefault((each.apart, chance), []).append(label)
    for (names, chance), metrics in told.items():
        one = "it" if len(names) == 1 else "one of them"
        yield (
            f"{chance.capitalize()} move {joined(names)} more than the other variants in {joined(metrics)} (F test, "
            f"p < 0.05). A comparison with {one} takes the {chance} of its two variants alone, which is weak."
        )


def _detectable(found: Sequence[Compared]) -> Iterator[str]:
    """Say how small a difference the cases at hand can show."""
    told: dict[int, list[str]] = {}
    for each, label in zip(found, labels([each.metric for each in found]).values(), strict=True):
        tested = [own for own in map(_tested, each.means) if own is not None]
        if not tested:
            continue
        least = detectable(tested)
        if least is not None:
            told.setdefault(usual_cases(tested), []).append(
                f"{label} {shown(least, each.metric)} {each.metric.difference_unit}".strip()
            )
    for n, sizes in told.items():
        yield (
            f"With {n} cases these t-tests find a true difference of {joined(sizes)} with {100 * POWER:.0f} % "
            "chance; smaller ones are missed more often."
        )


def _sources(found: Compared) -> Iterator[str]:
    """Say where the uncertainty of the differences comes from, in the main metric, and so what to add next."""
    tested = [row.difference for row in found.means if row.difference is not None]
    known = [
        (over.seed_part, over.case_part)
        for each in tested
        if (over := each.over_seeds) is not None and over.seed_part is not None and over.case_part is not None
    ]
    shares = sorted(seeds / (seeds + cases) for seeds, cases in known if seeds + cases > 0)
    if not shares:
        return
    of_chance = shares[len(shares) // 2]
    parts = {"test cases": 1 - of_chance}
    share = found.seed_share
    if share is None:
        parts[tested[0].chance] = of_chance
    else:
        parts |= {"label splits": of_chance * (1 - share), "seeds": of_chance * share}
    told = joined([f"{100 * part:.0f} % from {what}" for what, part in parts.items()])
    most = max(parts, key=lambda what: parts[what])
    yield f"Uncertainty (variance) of a difference in {found.metric.label}: {told}; add {most} next."


def _either(found: Sequence[Compared], reference: str) -> str:
    named = joined(list(labels([each.metric for each in found]).values()))
    return f"{named} {'differs' if len(found) == 1 else 'differ'} from the reference's ({reference})"


def _behind_p(found: Sequence[Compared]) -> str:
    """Say how many cases each p rests on: the usual number, then what differs from it."""
    named = labels([each.metric for each in found])
    counts = {
        (row.variant, named[each.metric]): tested.test.n
        for each in found
        for row in each.means
        if (tested := _tested(row)) is not None
    }
    usual = Counter(counts.values()).most_common(1)[0][0]
    unusual: dict[tuple[str, int], list[str]] = {}
    for (variant, label), n in counts.items():
        if n != usual:
            unusual.setdefault((variant, n), []).append(label)
    groups: dict[tuple[int, str], list[str]] = {}
    for (variant, n), own in unusual.items():
        groups.setdefault((n, "" if len(own) == len(found) else f"{joined(own)} of "), []).append(variant)
    others = "".join(f"; on {n}: {which}{', '.join(variants)}" for (n, which), variants in groups.items())
    return f"Each p rests on {usual} cases that both sides have{others}."
