"""The columns of the wide formats: Markdown, LaTeX and HTML."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.comparison.metric import MISSING, Metric, shown, shown_p
from analysis.published.values import DOUBTFUL
from analysis.tables.cells import mean_and_spread, trial_cells
from analysis.tables.sheet import Line, Rank, Sheet, Value


@dataclass(frozen=True)
class Cell:
    """What a cell shows.

    Attributes:
        text: its text.
        sort: what to sort by, in the unit shown; None where missing.
        rank: how to highlight it.
        stars: what stands raised behind it.
    """

    text: str
    sort: float | str | None
    rank: Rank | None = None
    stars: str = ""


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
    """

    head: str
    cell: Callable[[Line], Cell]
    metric: Metric | None = None
    is_mean: bool = False
    numeric: bool = True
    constant: bool = False


def columns(sheet: Sheet) -> list[Column]:
    """Return the columns of a sheet: with differences and intervals where it is about one metric."""
    found = [Column("variant", lambda line: Cell(line.row.variant, line.row.variant), numeric=False)]
    if sheet.training_differs:
        found += [_count("labelled", lambda line: line.row.training.labeled)]
        found += [_count("unlabelled", lambda line: line.row.training.unlabeled)]
    for place, metric in enumerate(sheet.metrics):
        found += _of_metric(sheet, metric, place)
    found.append(Column("n", _n, constant=True))
    for head in trial_cells(sheet.lines[0].row):
        found.append(Column(head, _trial_cell(head), constant=True))
    return found


def same_everywhere(sheet: Sheet, found: list[Column]) -> list[Column]:
    """Return the columns that a note can stand for: they say the same in every line."""
    return [
        column for column in found if column.constant and len({column.cell(line).text for line in sheet.lines}) == 1
    ]


def _of_metric(sheet: Sheet, metric: Metric, place: int) -> Iterator[Column]:
    def column(head: str, cell: Callable[[Value], Cell], is_mean: bool = False) -> Column:
        return Column(head, lambda line: cell(line.values[place]), metric, is_mean)

    spread = "SD" if sheet.style.spread == "sd" else "CI"
    yield column(f"mean ± {spread}", lambda value: _mean(value, sheet), is_mean=True)
    if sheet.has_published:
        yield column("published", _published)
        if metric.name == "dice" and any(line.paper and line.paper.p is not None for line in sheet.lines):
            yield Column("published p", _published_p, metric)
    if not sheet.compared:
        return
    if len(sheet.metrics) == 1:
        yield column("difference", _difference)
        yield column("95 % CI", _interval)
        yield column("g", _effect)
    if sheet.style.significance == "p":
        yield column("p", lambda value: _p(value, value.p, "ref"))
        if sheet.over_seeds:
            yield column(f"p over {sheet.chance}", lambda value: _p(value, value.p_over_seeds, "ref"))


def _mean(value: Value, sheet: Sheet) -> Cell:
    row, metric = value.row, value.metric
    sort = None if row.mean is None else row.mean * metric.scale
    return Cell(mean_and_spread(row, metric, " ± ", sheet.style.spread), sort, value.rank, value.stars)


def _published(value: Value) -> Cell:
    found = value.published
    if found is None:
        return Cell(MISSING, None)
    return Cell(shown(found.value, value.metric) + DOUBTFUL * found.doubtful, found.value * value.metric.scale)


def _published_p(line: Line) -> Cell:
    p = line.paper.p if line.paper else None
    # Some are far below what two decimals of a percent tell.
    return Cell(MISSING if p is None else f"{p:.2g}", p)


def _difference(value: Value) -> Cell:
    difference = value.row.difference.test.difference if value.row.difference else None
    text = "ref" if value.row.is_reference else shown(difference, value.metric, sign="+")
    return Cell(text, None if difference is None else difference * value.metric.scale)


def _interval(value: Value) -> Cell:
    interval = value.row.difference.interval if value.row.difference else None
    if interval is None or interval.low is None or interval.high is None:
        return Cell(MISSING, None)
    low, high = (shown(limit, value.metric, sign="+") for limit in (interval.low, interval.high))
    return Cell(f"{low} to {high}", interval.low * value.metric.scale)


def _effect(value: Value) -> Cell:
    g = value.row.difference.g if value.row.difference else None
    return Cell(MISSING, None) if g is None else Cell(f"{g:+.2f}", g)


def _p(value: Value, p: float | None, of_reference: str) -> Cell:
    return Cell(of_reference if value.row.is_reference else shown_p(p), p)


def _count(head: str, count: Callable[[Line], int | None]) -> Column:
    def cell(line: Line) -> Cell:
        number = count(line)
        return Cell(MISSING if number is None else str(number), number)

    return Column(head, cell)


def _n(line: Line) -> Cell:
    counts = sorted({value.row.n for value in line.values})
    return Cell(str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}", counts[0])


def _trial_cell(head: str) -> Callable[[Line], Cell]:
    def cell(line: Line) -> Cell:
        text = trial_cells(line.row)[head]
        return Cell(text, float(text.partition("/")[0]))

    return cell
