"""How the overview of several metrics is laid out in a terminal of a given width."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.cells import MISSING, common_key, mean_and_sd, shown_p, trial_cells
from analysis.metric import Metric
from analysis.row import Row


@dataclass(frozen=True)
class Line:
    """The texts of one row.

    Attributes:
        name: the variant.
        is_reference: whether the others are compared with it.
        values: mean and SD of each metric.
        ps: p of each metric.
        rest: heading and text of what follows.
    """

    name: str
    is_reference: bool
    values: list[str]
    ps: list[str]
    rest: dict[str, str]

    @staticmethod
    def of(rows: Sequence[Row], metrics: Sequence[Metric], between: str = "±", short: bool = True) -> "Line":
        """Write the rows of one variant and class, one a metric."""
        first = rows[0]
        counts = sorted({row.n for row in rows})
        return Line(
            name=first.variant,
            is_reference=first.is_reference,
            values=[mean_and_sd(row, metric, between) for row, metric in zip(rows, metrics, strict=True)],
            ps=[
                "ref" if row.is_reference else shown_p(row.difference.p_holm if row.difference else None)
                for row in rows
            ],
            rest={
                "n": str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}",
                **trial_cells(first, short),
            },
        )

    def p_below(self, place: int) -> str:
        """Return p as the second line of a metric's cell."""
        p = self.ps[place]
        return p if p in {"ref", MISSING} else f"p{p}" if p[0] in "<>" else f"p={p}"


@dataclass(frozen=True)
class Layout:
    """What stands where.

    Attributes:
        beside: whether p stands beside the mean, else below it.
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


def choose_layout(lines: Sequence[Line], metrics: Sequence[Metric], width: int) -> Layout:
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
        if left >= (whole if beside else _width_on_two_lines(names)):
            return Layout(beside, parts, heads, layout.key, min(left, whole))
    return Layout(beside, parts, heads, layout.key, max(left, 8))


def _wishes(lines: Sequence[Line], metrics: int) -> Iterator[tuple[bool, tuple[tuple[int, ...], ...], tuple[str, ...]]]:
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


def _taken(lines: Sequence[Line], metrics: Sequence[Metric], layout: Layout) -> Iterator[int]:
    """Yield the columns that each grid takes beside the names, with the gaps before them."""
    heads = sum(1 + max(len(head), *(len(line.rest[head]) for line in lines)) for head in layout.heads)
    for part in layout.parts:
        yield heads + sum(_metric_width(lines, metrics[place], place, layout.beside) for place in part)
        heads = 0


def _metric_width(lines: Sequence[Line], metric: Metric, place: int, beside: bool) -> int:
    value = max(len(metric.label), len(metric.unit) + 2, *(len(line.values[place]) for line in lines))
    if beside:
        return 2 + value + 1 + max(len(line.ps[place]) for line in lines)
    return 1 + max(value, *(len(line.p_below(place)) for line in lines))


def _width_on_two_lines(names: Sequence[str]) -> int:
    """Return the width from which on every name takes two lines at most, with no word cut."""
    words = [name.split() or [name] for name in names]
    halves = [
        min(max(len(" ".join(own[:cut])), len(" ".join(own[cut:]))) for cut in range(1, len(own) + 1)) for own in words
    ]
    return max(halves)
