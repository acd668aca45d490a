"""How a table is laid out in a terminal of a given width: the fullest of several plans that fits."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.comparison.metric import MISSING, shown, shown_p
from analysis.tables.columns import (
    LABELLED,
    UNLABELLED,
    Cell,
    Column,
    difference,
    margin_head,
    mean_and_spread,
    practical_text,
    probabilities,
    published,
    same_everywhere,
    spread_of,
    training_columns,
    trial_columns,
)
from analysis.tables.lines import Value
from analysis.tables.table import Table

NARROW: Final = 80
"""Width of a terminal below which a table of one metric is made compact."""

_TRAINING: Final = frozenset((LABELLED, UNLABELLED))
_QUIET: Final = frozenset(("failed", "open", "unfinished", "empty"))


@dataclass(frozen=True)
class Plan:
    """One way to lay a table out.

    Attributes:
        grids: the columns beside the names; grids stand below each other.
        names: what has to fit into the first column.
        whole: whether names must stay on one line, not two.
        key: what all names start with and the heading says instead; empty where names are whole.
        said: heading and text of the columns that are left out because every row says the same.
    """

    grids: tuple[tuple[Column, ...], ...]
    names: tuple[str, ...]
    whole: bool = False
    key: str = ""
    said: tuple[tuple[str, str], ...] = ()

    @property
    def heading(self) -> str:
        """Heading of the variants' names."""
        return _heading(self.key)


def choose_plan(table: Table, width: int) -> tuple[Plan, int | None]:
    """Return the plan that shows most among those that fit into `width`, and the width of the variants' names.

    It is None for one metric, where each class leaves its names what its numbers leave.
    """
    names = list(dict.fromkeys(line.row.variant for line in table.lines))
    alone = len(table.metrics) == 1
    plans = _of_one_metric(table, names, width) if alone else _of_several_metrics(table, names)
    for plan in plans:
        left = width - max(sum(_width(column, table) for column in grid) for grid in plan.grids)
        longest = max(map(len, plan.names))
        if left >= (longest if plan.whole else _width_on_two_lines(plan.names)):
            return plan, None if alone else min(left, longest)
    return plan, None if alone else max(left, 8)


def _width(column: Column, table: Table) -> int:
    """Return the letters that a column takes, with the gap before it."""
    cells = (column.cell(line) for line in table.lines)
    return column.gap + max(map(len, (*column.head.split("\n"), *(part for own in cells for part in own.parts))))


def _of_one_metric(table: Table, names: Sequence[str], width: int) -> Iterator[Plan]:
    """Yield plans: below `NARROW`, and where names need it, `dropout=` becomes the heading and columns of zeros go."""
    if width >= NARROW:
        usual = tuple(_one_metric_columns(table, compact=False))
        more = tuple(
            _column(head, 0, lambda value, text=text: Cell("" if text(value) == "ref" else text(value)))  # type: ignore[misc]
            for head, text in probabilities(table)
        )
        yield Plan(((*usual, *more),), tuple(names))
        yield Plan((usual,), tuple(names))
    key = common_key(names)
    compact = list(_one_metric_columns(table, compact=True))
    zeros = {own.head for own in compact if own.head in _QUIET and all(own.cell(x).text == "0" for x in table.lines)}
    for dropped in (zeros, zeros | _TRAINING, _QUIET | _TRAINING):
        kept = tuple(column for column in compact if column.head not in dropped)
        yield Plan((kept,), tuple(name.removeprefix(key) for name in names), key=key)


def _of_several_metrics(table: Table, names: Sequence[str]) -> Iterator[Plan]:
    """Yield plans: p beside its mean, then below it; then without columns that do not vary, or that the notes tell."""
    rest = [*training_columns(table, "unlab."), *trial_columns(table, short=True)]
    same = [column for column in rest if same_everywhere(table.lines, column)]
    varying = [column for column in rest if column not in same]
    key = common_key(names)

    def plan(
        kept: Sequence[Column], parts: Sequence[Sequence[int]] = (range(len(table.metrics)),), beside: bool = False
    ) -> Plan:
        cut = "" if beside else key
        grids = [[column for place in part for column in _metric_columns(table, place, beside)] for part in parts]
        grids[0] += kept
        return Plan(
            grids=tuple(map(tuple, grids)),
            names=(_heading(cut), *(name.removeprefix(cut) for name in names)),
            whole=beside,
            key=cut,
            said=tuple((column.head, column.cell(table.lines[0]).text) for column in same if column not in kept),
        )

    yield plan(rest, beside=True)
    yield plan(rest)
    yield plan(varying)
    # The notes tell these in words, so they may go before the metrics are torn apart.
    yield plan([column for column in varying if column.head not in {"failed", "open"}])
    yield plan([column for column in varying if column.head not in {"failed", "open", "empty"}])
    yield plan([])
    for size in range(len(table.metrics) - 1, 0, -1):
        yield plan(varying, _even_parts(len(table.metrics), math.ceil(len(table.metrics) / size)))


def _one_metric_columns(table: Table, compact: bool) -> Iterator[Column]:
    metric, spread = table.metrics[0], table.style.spread

    def column(head: str, text: Callable[[Value], str], ranked: bool = False) -> Column:
        return _column(
            "\n".join(head.split()) if compact else head,
            0,
            lambda value: Cell(text(value), rank=value.rank if ranked else None),
        )

    yield from training_columns(table)
    if compact:
        yield column(f"mean±{'SD' if spread == 'sd' else 'CI'}", lambda value: _mean(value, table), ranked=True)
    else:
        yield column("mean", lambda value: shown(value.row.mean, metric) + value.stars, ranked=True)
        beside = "SD" if spread == "sd" else "±CI"
        yield column(beside, lambda value: shown(spread_of(value.row, spread), metric))
    yield column("diff", lambda value: difference(value).text)
    for extra in _extras(table):
        # The column before says already which the reference is.
        yield column(extra.head, extra.text if extra.head == "publ." else _but_of_reference(extra.text))
    if table.style.margin is not None:
        yield column(margin_head(table), _but_of_reference(lambda value: practical_text(value, table)))
    yield from trial_columns(table, short=compact)


def _metric_columns(table: Table, place: int, beside: bool) -> Iterator[Column]:
    metric, extras = table.metrics[place], _extras(table)

    def mean(value: Value) -> Cell:
        below = [] if beside else [text for extra in extras if (text := extra.below(value))]
        return Cell(_mean(value, table), rank=value.rank, below=tuple(below))

    heading = "\n".join(filter(None, (metric.label, metric.bracketed)))
    yield _column(heading, place, mean, gap=2 if beside else 1, fills=False)
    for extra in extras if beside else ():
        yield _column("\n".join(extra.head.split()), place, extra.cell)


def _column(head: str, place: int, cell: Callable[[Value], Cell], gap: int = 1, fills: bool = True) -> Column:
    return Column(head, lambda line: cell(line.values[place]), gap=gap, fills=fills)


@dataclass(frozen=True)
class _Extra:
    """What belongs to a mean: its heading and text beside it, and what it says below it, where there is no heading."""

    head: str
    text: Callable[[Value], str]
    below: Callable[[Value], str]

    def cell(self, value: Value) -> Cell:
        return Cell(self.text(value))


def _extras(table: Table) -> list[_Extra]:
    found = []
    if table.style.significance == "p":
        found.append(_extra_p("p", "p", lambda value: value.p))
        if table.over_seeds:
            short = table.chance.replace("label ", "").replace(" or ", "/")
            found.append(_extra_p(f"p {short}", short, lambda value: value.p_over_seeds))
    if table.has_published:
        found.append(
            _Extra(
                "publ.",
                lambda value: published(value).text,
                lambda value: MISSING if value.published is None else f"publ. {published(value).text}",
            )
        )
    return found


def _extra_p(head: str, short: str, p: Callable[[Value], float | None]) -> _Extra:
    def below(value: Value) -> str:
        if value.row.is_reference:
            # Said once below the mean, not once for each test.
            return "ref" if head == "p" else ""
        text = shown_p(p(value))
        return text if text == MISSING else f"{short}{text}" if text[0] in "<>" else f"{short}={text}"

    return _Extra(head, lambda value: "ref" if value.row.is_reference else shown_p(p(value)), below)


def _but_of_reference(text: Callable[[Value], str]) -> Callable[[Value], str]:
    return lambda value: "" if value.row.is_reference else text(value)


def _mean(value: Value, table: Table) -> str:
    return mean_and_spread(value.row, value.metric, "±", table.style.spread) + value.stars


def _heading(key: str) -> str:
    return key.rsplit(".", 1)[-1] or "variant"


def common_key(names: Sequence[str]) -> str:
    """Return `key=` if all names are different values of one key, else nothing."""
    keys = {name[: name.find("=") + 1] for name in names}
    return keys.pop() if len(keys) == 1 and len(names) > 1 and not any("," in name for name in names) else ""


def _even_parts(total: int, count: int) -> list[range]:
    """Split the places 0 to `total` - 1 into `count` runs of about equal length."""
    ends = [round(total * part / count) for part in range(count + 1)]
    return [range(start, end) for start, end in itertools.pairwise(ends)]


def _width_on_two_lines(names: Iterable[str]) -> int:
    """Return the width from which on every name takes two lines at most, with no word cut."""
    words = [name.split() or [name] for name in names]
    return max(
        min(max(len(" ".join(own[:cut])), len(" ".join(own[cut:]))) for cut in range(1, len(own) + 1)) for own in words
    )
