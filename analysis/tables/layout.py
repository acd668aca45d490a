"""How several metrics are laid out in a terminal of a given width."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.comparison.metric import MISSING, Metric, shown, shown_p
from analysis.published.values import DOUBTFUL
from analysis.tables.cells import common_key, mean_and_spread, trial_cells
from analysis.tables.sheet import Line, Rank, Sheet, Value


@dataclass(frozen=True)
class Extra:
    """What belongs to a mean.

    Attributes:
        head: its heading where it stands beside the mean.
        text: what it says there.
        below: what it says below the mean, where no heading says what it is.
    """

    head: str
    text: str
    below: str


@dataclass(frozen=True)
class Texts:
    """The texts of one line.

    Attributes:
        name: the variant.
        is_reference: whether the others are compared with it.
        values: mean and spread of each metric.
        ranks: how to highlight each of them.
        extras: of each metric, the same heads in every line.
        rest: heading and text of what follows.
    """

    name: str
    is_reference: bool
    values: list[str]
    ranks: list[Rank | None]
    extras: list[list[Extra]]
    rest: dict[str, str]

    @staticmethod
    def of(line: Line, sheet: Sheet) -> "Texts":
        """Write a line."""
        counts = sorted({value.row.n for value in line.values})
        training = line.row.training
        trained = {"labelled": training.labeled, "unlab.": training.unlabeled} if sheet.training_differs else {}
        return Texts(
            name=line.row.variant,
            is_reference=line.row.is_reference,
            values=[mean_and_spread(v.row, v.metric, "±", sheet.style.spread) + v.stars for v in line.values],
            ranks=[value.rank for value in line.values],
            extras=[_extras(value, sheet) for value in line.values],
            rest={
                **{head: MISSING if count is None else str(count) for head, count in trained.items()},
                "n": str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}",
                **trial_cells(line.row, short=True),
            },
        )


def _extras(value: Value, sheet: Sheet) -> list[Extra]:
    found = []
    if sheet.style.significance == "p":
        found.append(_extra_p("p", "p", value, value.p))
        if sheet.over_seeds:
            short = sheet.chance.replace("label ", "").replace(" or ", "/")
            found.append(_extra_p(f"p {short}", short, value, value.p_over_seeds))
    if sheet.has_published:
        known = value.published
        text = MISSING if known is None else shown(known.value, value.metric) + DOUBTFUL * known.doubtful
        found.append(Extra("publ.", text, MISSING if known is None else f"publ. {text}"))
    return found


def _extra_p(head: str, short: str, value: Value, p: float | None) -> Extra:
    if value.row.is_reference:
        # Said once below the mean, not once for each test.
        return Extra(head, "ref", "ref" if head == "p" else "")
    text = shown_p(p)
    return Extra(head, text, text if text == MISSING else f"{short}{text}" if text[0] in "<>" else f"{short}={text}")


@dataclass(frozen=True)
class Layout:
    """What stands where.

    Attributes:
        beside: whether p and the like stand beside the mean, else below it.
        parts: places of the metrics in each grid, the grids below each other.
        heads: columns that follow the metrics of the first grid.
        key: what all variants' names start with and the heading says instead; empty where names are whole.
        name_width: columns of the variants' names.
    """

    beside: bool
    parts: tuple[tuple[int, ...], ...]
    heads: tuple[str, ...]
    key: str
    name_width: int

    @property
    def heading(self) -> str:
        """Heading of the variants' names."""
        return self.key.rsplit(".", 1)[-1] or "variant"


def choose_layout(lines: Sequence[Texts], metrics: Sequence[Metric], width: int) -> Layout:
    """Choose the layout that shows most among those that fit into `width`.

    Args:
        lines: the rows of all blocks, which are laid out alike.
        metrics: what each line has values of.
        width: columns of the terminal.
    """
    key = common_key(list(dict.fromkeys(line.name for line in lines)))
    for beside, parts, heads in _wishes(lines, len(metrics)):
        layout = Layout(beside, parts, heads, "" if beside else key, 0)
        names = [layout.heading, *(line.name.removeprefix(layout.key) for line in lines)]
        whole = max(map(len, names))
        left = width - max(_taken(lines, metrics, layout))
        if left >= (whole if beside else width_on_two_lines(names)):
            return Layout(beside, parts, heads, layout.key, min(left, whole))
    return Layout(beside, parts, heads, layout.key, max(left, 8))


def _wishes(
    lines: Sequence[Texts], metrics: int
) -> Iterator[tuple[bool, tuple[tuple[int, ...], ...], tuple[str, ...]]]:
    """Yield whether p stands beside, the parts and the columns after them, the best layout first."""
    every = tuple(lines[0].rest)
    varying = tuple(head for head in every if len({line.rest[head] for line in lines}) > 1)
    together = (tuple(range(metrics)),)
    yield True, together, every
    yield False, together, every
    yield False, together, varying
    # The notes tell these in words, so they may go before the metrics are torn apart.
    for dropped in ({"failed", "open"}, {"failed", "open", "empty"}, set(every)):
        yield False, together, tuple(head for head in varying if head not in dropped)
    for size in range(metrics - 1, 0, -1):
        yield False, _even_parts(metrics, math.ceil(metrics / size)), varying


def _even_parts(total: int, count: int) -> tuple[tuple[int, ...], ...]:
    """Split the places 0 to `total` - 1 into `count` runs of about equal length."""
    ends = [round(total * part / count) for part in range(count + 1)]
    return tuple(tuple(range(start, end)) for start, end in itertools.pairwise(ends))


def _taken(lines: Sequence[Texts], metrics: Sequence[Metric], layout: Layout) -> Iterator[int]:
    """Yield the columns that each grid takes beside the names, with the gaps before them."""
    heads = sum(1 + max(len(head), *(len(line.rest[head]) for line in lines)) for head in layout.heads)
    for part in layout.parts:
        yield heads + sum(_metric_width(lines, metrics[place], place, layout.beside) for place in part)
        heads = 0


def _metric_width(lines: Sequence[Texts], metric: Metric, place: int, beside: bool) -> int:
    value = max(len(metric.label), len(metric.bracketed), *(len(line.values[place]) for line in lines))
    heads = range(len(lines[0].extras[place]))
    if beside:
        return 2 + value + sum(1 + max(_beside_width(line.extras[place][head]) for line in lines) for head in heads)
    return 1 + max(value, *(len(line.extras[place][head].below) for line in lines for head in heads), 0)


def _beside_width(extra: Extra) -> int:
    return max(len(extra.text), *map(len, extra.head.split()))


def width_on_two_lines(names: Sequence[str]) -> int:
    """Return the width from which on every name takes two lines at most, with no word cut."""
    words = [name.split() or [name] for name in names]
    halves = [
        min(max(len(" ".join(own[:cut])), len(" ".join(own[cut:]))) for cut in range(1, len(own) + 1)) for own in words
    ]
    return max(halves)
