"""The columns of all formats but the CSV: heading and cells."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from analysis.comparison.metric import MISSING, Metric, shown, shown_p
from analysis.comparison.row import Row
from analysis.comparison.verdict import practical
from analysis.published.values import DOUBTFUL
from analysis.tables.lines import Line, Rank, Value
from analysis.tables.style import Spread
from analysis.tables.table import Table

FIRST, FALSE = "P(first)", "P(false)"
LABELLED, UNLABELLED = "labelled", "unlabelled"


@dataclass(frozen=True)
class Cell:
    """What a cell shows.

    Attributes:
        text: its text.
        sort: what to sort by, in the unit shown; None where missing.
        rank: how to highlight it.
        stars: what stands raised behind it.
        below: lines below it, in a terminal.
    """

    text: str
    sort: float | str | None = None
    rank: Rank | None = None
    stars: str = ""
    below: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """All of its lines."""
        return (self.text, *self.below)


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        head: its heading.
        cell: what a line shows there.
        metric: the metric that it belongs to; None for what belongs to the variant.
        is_mean: whether it holds the metric's mean.
        numeric: whether it stands to the right.
        constant: whether it may be said in a note where all lines say the same.
        gap: spaces before it, in a terminal.
        fills: whether a highlight fills it there, not the text alone.
    """

    head: str
    cell: Callable[[Line], Cell]
    metric: Metric | None = None
    is_mean: bool = False
    numeric: bool = True
    constant: bool = False
    gap: int = 1
    fills: bool = True


def columns(table: Table) -> list[Column]:
    """Return the columns of the wide formats: with differences and intervals where a table is about one metric."""
    found = [Column("variant", lambda line: Cell(line.row.variant, line.row.variant), numeric=False)]
    found += training_columns(table)
    for place, metric in enumerate(table.metrics):
        found += _of_metric(table, metric, place)
    return [*found, *trial_columns(table)]


def training_columns(table: Table, unlabelled: str = UNLABELLED) -> list[Column]:
    """Return the numbers of training cases, where they differ."""
    if not table.training_differs:
        return []
    return [
        Column(LABELLED, lambda line: _count(line.row.training.labeled)),
        Column(unlabelled, lambda line: _count(line.row.training.unlabeled)),
    ]


def trial_columns(table: Table, short: bool = False) -> list[Column]:
    """Return cases, trials finished of those planned, by seed alone or not, what failed, is open, is empty."""

    def column(head: str, text: Callable[[Row], str]) -> Column:
        def cell(line: Line) -> Cell:
            return Cell(text(line.row), float(text(line.row).partition("/")[0]))

        return Column(head, cell, constant=True)

    by_split = any(line.row.trials.splits for line in table.lines)
    return [
        Column("n", _n, constant=True),
        column("trials" if by_split else "seeds", lambda row: f"{len(row.trials.replicates)}/{row.trials.planned}"),
        column("failed", lambda row: str(len(row.trials.failed))),
        column("open" if short else "unfinished", lambda row: str(row.trials.unfinished)),
        column("empty", lambda row: str(row.empty_cases)),
    ]


def same_everywhere(lines: Iterable[Line], column: Column) -> bool:
    """Tell whether all lines say the same in a column."""
    return len({column.cell(line).text for line in lines}) == 1


def mean_and_spread(row: Row, metric: Metric, between: str, spread: Spread) -> str:
    """Return mean and SD, or mean and half of its 95 % t interval, in one cell."""
    if row.mean is None:
        return MISSING
    return f"{shown(row.mean, metric)}{between}{shown(spread_of(row, spread), metric)}"


def spread_of(row: Row, spread: Spread) -> float | None:
    """Return the SD, or half of the 95 % t interval of the mean, in the stored unit; None where it does not exist."""
    low, high = row.interval.low, row.interval.high
    if spread == "sd":
        return row.sd
    return None if low is None or high is None else (high - low) / 2


def published(value: Value) -> Cell:
    """Return the paper's value."""
    found = value.published
    if found is None:
        return Cell(MISSING)
    return Cell(shown(found.value, value.metric) + DOUBTFUL * found.doubtful, found.value * value.metric.scale)


def difference(value: Value) -> Cell:
    """Return variant minus reference."""
    found = value.row.difference.test.difference if value.row.difference else None
    text = "ref" if value.row.is_reference else shown(found, value.metric, sign="+")
    return Cell(text, None if found is None else found * value.metric.scale)


def _of_metric(table: Table, metric: Metric, place: int) -> Iterator[Column]:
    def column(head: str, cell: Callable[[Value], Cell], is_mean: bool = False) -> Column:
        return Column(head, lambda line: cell(line.values[place]), metric, is_mean)

    spread = "SD" if table.style.spread == "sd" else "CI"
    yield column(f"mean ± {spread}", lambda value: _mean(value, table.style.spread), is_mean=True)
    if table.has_published:
        yield column("published", published)
        if metric.name == "dice" and any(line.paper and line.paper.p is not None for line in table.lines):
            yield Column("published p", _published_p, metric)
    if not table.compared:
        return
    if len(table.metrics) == 1:
        yield column("difference", difference)
        yield column("95 % CI", _interval)
        yield column("g", _effect)
    if table.style.significance == "p":
        yield column("p", lambda value: _p(value, value.p))
        if table.over_seeds:
            yield column(f"p over {table.chance}", lambda value: _p(value, value.p_over_seeds))
    if len(table.metrics) == 1:
        for head, text in probabilities(table):
            yield column(head, lambda value, text=text: Cell(text(value)))  # type: ignore[misc]
        if table.style.margin is not None:
            yield column(margin_head(table), lambda value: Cell(practical_text(value, table)))


def probabilities(table: Table) -> list[tuple[str, Callable[[Value], str]]]:
    """Return heading and text of the probabilities that seeds and cases leave; none where no test counts both."""
    if not table.over_seeds:
        return []
    return [
        (FIRST, lambda value: shown_p(value.row.standing.first if value.row.standing else None)),
        (FALSE, _false),
    ]


def _false(value: Value) -> str:
    if value.row.is_reference:
        return "ref"
    return shown_p(value.row.standing.false if value.row.standing else None)


def margin_head(table: Table) -> str:
    """Return the heading of what a margin makes of differences."""
    return f"\N{PLUS-MINUS SIGN}{table.style.margin:g}"


def practical_text(value: Value, table: Table) -> str:
    """Return what a margin makes of a difference: better, equivalent, worse or unknown."""
    row, metric, margin = value.row, value.metric, table.style.margin
    if row.is_reference:
        return "ref"
    if row.difference is None or margin is None:
        return MISSING
    return practical(row.difference, margin / metric.scale, metric.higher_is_better) or MISSING


def _mean(value: Value, spread: Spread) -> Cell:
    row, metric = value.row, value.metric
    sort = None if row.mean is None else row.mean * metric.scale
    return Cell(mean_and_spread(row, metric, " ± ", spread), sort, value.rank, value.stars)


def _published_p(line: Line) -> Cell:
    p = line.paper.p if line.paper else None
    # Some are far below what two decimals of a percent tell.
    return Cell(MISSING if p is None else f"{p:.2g}", p)


def _interval(value: Value) -> Cell:
    interval = value.row.difference.shown_interval if value.row.difference else None
    if interval is None or interval.low is None or interval.high is None:
        return Cell(MISSING)
    low, high = (shown(limit, value.metric, sign="+") for limit in (interval.low, interval.high))
    return Cell(f"{low} to {high}", interval.low * value.metric.scale)


def _effect(value: Value) -> Cell:
    g = value.row.difference.g if value.row.difference else None
    return Cell(MISSING) if g is None else Cell(f"{g:+.2f}", g)


def _p(value: Value, p: float | None) -> Cell:
    return Cell("ref" if value.row.is_reference else shown_p(p), p)


def _count(number: int | None) -> Cell:
    return Cell(MISSING if number is None else str(number), number)


def _n(line: Line) -> Cell:
    counts = sorted({value.row.n for value in line.values})
    return Cell(str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}", counts[0])
