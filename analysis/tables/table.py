"""The one value that every format renders: lines in sections in blocks, with ranks, stars and published values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from analysis.comparison.metric import Metric, joined, labels
from analysis.comparison.notes import SPREAD
from analysis.comparison.row import Row
from analysis.comparison.table import Overview, Table
from analysis.errors import AnalysisError
from analysis.published import PublishedRow, PublishedTable, PublishedValue
from analysis.runs.training_cases import differ
from analysis.tables.style import Style

Rank = Literal["best", "second"]

_OF_SEVERAL: Final = (
    "Each sweep is compared with its own reference, and its p-values are adjusted for its own comparisons only."
)
STARS: Final = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class Value:
    """One variant, class and metric.

    Attributes:
        row: the row of the metric's table.
        metric: the metric.
        rank: its place among the rows that it competes with.
        stars: how significant its difference is; empty for p-values or without significance.
        published: the paper's value of that row, if it is shown and there is one.
    """

    row: Row
    metric: Metric
    rank: Rank | None = None
    stars: str = ""
    published: PublishedValue | None = None

    @property
    def p(self) -> float | None:
        """Holm-adjusted p of the t-test over cases."""
        return self.row.difference.p_holm if self.row.difference else None

    @property
    def p_over_seeds(self) -> float | None:
        """Holm-adjusted p of the test over seeds (or label splits) and cases."""
        return self.row.difference.over_seeds_holm if self.row.difference else None


@dataclass(frozen=True)
class Line:
    """A variant: its values, one a metric, and its row of the paper."""

    values: tuple[Value, ...]
    paper: PublishedRow | None = None

    @property
    def row(self) -> Row:
        """The row of the first metric; what does not depend on the metric is read here."""
        return self.values[0].row


@dataclass(frozen=True)
class Section:
    """Lines under a heading, which is None where there is one section only."""

    heading: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Block:
    """Sections of one class; its name is None where there is one block only."""

    class_name: str | None
    sections: tuple[Section, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Lines of all sections."""
        return tuple(line for section in self.sections for line in section.lines)


@dataclass(frozen=True)
class Sheet:
    """What is shown.

    Attributes:
        title: what it is, in a line.
        metrics: what each line has values of.
        blocks: the foreground mean, then each class.
        notes: all that a reader must know, in sentences; each list under the name of its sweep, None for those on all.
        style: how values are shown.
        sources: the tables it is made of, one overview a sweep.
    """

    title: str
    metrics: tuple[Metric, ...]
    blocks: tuple[Block, ...]
    notes: tuple[tuple[str | None, tuple[str, ...]], ...]
    style: Style
    sources: tuple[Overview, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Lines of all blocks."""
        return tuple(line for block in self.blocks for line in block.lines)

    @property
    def values(self) -> tuple[Value, ...]:
        """Values of all lines."""
        return tuple(value for line in self.lines for value in line.values)

    @property
    def over_seeds(self) -> bool:
        """Whether any comparison was tested over seeds (or label splits) and cases."""
        return _over_seeds(self.lines)

    @property
    def chance(self) -> str:
        """What these tests count as chance beside the cases: seeds, label splits, or each in some rows."""
        differences = [value.row.difference for value in self.values if value.p_over_seeds is not None]
        return " or ".join(sorted({each.chance for each in differences if each is not None}, reverse=True))

    @property
    def compared(self) -> bool:
        """Whether there is a reference to compare with."""
        return any(source.main.reference is not None for source in self.sources)

    @property
    def training_differs(self) -> bool:
        """Whether rows were trained on different numbers of cases."""
        return differ(line.row.training for line in self.lines)

    @property
    def has_published(self) -> bool:
        """Whether any published value is shown."""
        return any(line.paper is not None for line in self.lines)


def make_sheet(
    tables: Sequence[Table | Overview],
    style: Style = Style(),  # noqa: B008 (frozen)
    published: Sequence[PublishedTable] | None = None,
    headings: Sequence[str] | None = None,
) -> Sheet:
    """Lay out the tables of one or several sweeps as one.

    Args:
        tables: one a sweep, with the same metrics.
        style: how values are shown.
        published: the paper's table of each sweep; None shows none.
        headings: what to call each sweep, where there are several; None takes their names.

    Raises:
        AnalysisError: the sweeps' tables have different metrics.
    """
    sources = tuple(Overview((each,), each.notes) if isinstance(each, Table) else each for each in tables)
    metrics = tuple(table.metric for table in sources[0].tables)
    for other in sources[1:]:
        if tuple(table.metric for table in other.tables) != metrics:
            both = " and of ".join(joined([t.metric.name for t in each.tables]) for each in (sources[0], other))
            raise AnalysisError(
                f"The sweeps {sources[0].main.sweep} and {other.main.sweep} are about different metrics (of {both}); "
                "choose one with --metric."
            )
    names: list[str | None] = [None] * len(sources)
    if len(sources) > 1:
        names = [*(headings or (each.main.sweep for each in sources))]
    papers = [None] * len(sources) if published is None else list(published)
    by_source = [
        [_sections(block, metrics, name, paper) for block in each.blocks()]
        for each, name, paper in zip(sources, names, papers, strict=True)
    ]
    titles = [[rows[0][0].class_name for rows in each.blocks()] for each in sources]
    # Sweeps with other classes share the foreground mean, the first block, and nothing else.
    classes = titles[0] if all(other == titles[0] for other in titles) else titles[0][:1]
    count = len(classes)
    blocks = tuple(
        Block(title if count > 1 else None, tuple(section for own in by_source for section in own[place]))
        for place, title in enumerate(classes)
    )
    blocks = tuple(_marked(block, style) for block in blocks)
    sheet = Sheet(_title(sources, metrics), metrics, blocks, (), style, sources)
    told = [
        (name, tuple(_spread(note, style) for note in each.notes)) for name, each in zip(names, sources, strict=True)
    ]
    of_all = (*_legend(sheet), *_of_published(sheet, papers))
    if len(sources) == 1:
        return replace(sheet, notes=((None, (*told[0][1], *of_all)),))
    return replace(sheet, notes=((None, (_OF_SEVERAL, *of_all)), *told))


def _sections(
    block: Sequence[tuple[Row, ...]], metrics: Sequence[Metric], name: str | None, paper: PublishedTable | None
) -> list[Section]:
    by_group: dict[str | None, list[Line]] = {}
    for rows in block:
        first = rows[0]
        # The paper's data have one class, so its values belong to the foreground mean.
        asked = paper is not None and first.class_id is None
        found = paper.row(first.published or first.variant, first.training.labeled) if paper and asked else None
        values = tuple(
            Value(row, metric, published=found.values.get(metric.name) if found else None)
            for row, metric in zip(rows, metrics, strict=True)
        )
        by_group.setdefault(first.group, []).append(Line(values, found))
    reference = [line for lines in by_group.values() for line in lines if line.row.is_reference]
    return [
        # Each group shows what it is compared with.
        Section(_heading(name, group), (*lines, *(line for line in reference if line not in lines)))
        for group, lines in by_group.items()
    ]


def _heading(name: str | None, group: str | None) -> str | None:
    return ": ".join(filter(None, (name, group))) or None


def _marked(block: Block, style: Style) -> Block:
    return replace(block, sections=tuple(_marked_section(section, style) for section in block.sections))


def _marked_section(section: Section, style: Style) -> Section:
    """Rank each metric's values among the lines that were trained on as many labels, and give them stars."""
    over_seeds = _over_seeds(section.lines)
    columns = []
    for values in zip(*(line.values for line in section.lines), strict=True):
        ranks = _ranks(values)
        columns.append(
            [
                replace(value, rank=rank, stars=_stars(value, over_seeds) if style.significance == "stars" else "")
                for value, rank in zip(values, ranks, strict=True)
            ]
        )
    return replace(
        section,
        lines=tuple(
            replace(line, values=values) for line, values in zip(section.lines, zip(*columns, strict=True), strict=True)
        ),
    )


def _ranks(values: Sequence[Value]) -> list[Rank | None]:
    """Rank by the mean; ties share. One value alone is not best, and of two none is second."""
    competing: dict[int | None, set[float]] = {}
    count: dict[int | None, int] = {}
    for value in values:
        if value.row.mean is not None:
            competing.setdefault(value.row.training.labeled, set()).add(value.row.mean)
            count[value.row.training.labeled] = count.get(value.row.training.labeled, 0) + 1
    ranks: list[Rank | None] = []
    for value in values:
        labeled, mean = value.row.training.labeled, value.row.mean
        ordered = sorted(competing.get(labeled, ()), reverse=value.metric.higher_is_better)
        alone = mean is None or len(ordered) < 2
        ranks.append(
            None if alone
            else "best" if mean == ordered[0]
            else "second" if mean == ordered[1] and count[labeled] > 2
            else None
        )  # fmt: skip
    return ranks


def _stars(value: Value, over_seeds: bool) -> str:
    p = value.p_over_seeds if over_seeds else value.p
    return next((stars for limit, stars in STARS if p is not None and p < limit), "")


def _over_seeds(lines: Iterable[Line]) -> bool:
    return any(value.p_over_seeds is not None for line in lines for value in line.values)


def _title(sources: Sequence[Overview], metrics: Sequence[Metric]) -> str:
    first = sources[0].main
    about = metrics[0].heading if len(metrics) == 1 else joined(list(labels(metrics).values()))
    places = list(
        dict.fromkeys(" of ".join(filter(None, (f"{t.split} cases".strip(), t.dataset))) for t in _mains(sources))
    )
    references = f", reference {first.reference}" if len(sources) == 1 and first.reference is not None else ""
    names = joined(list(dict.fromkeys(table.sweep for table in _mains(sources))))
    return f"{names}: {about} on {joined(places)}{references}"


def _mains(sources: Sequence[Overview]) -> list[Table]:
    return [source.main for source in sources]


def _spread(note: str, style: Style) -> str:
    return note.replace(SPREAD["sd"], SPREAD[style.spread], 1)


def _legend(sheet: Sheet) -> list[str]:
    told = []
    if any(value.rank for value in sheet.values):
        group = "of its group " if any(len(block.sections) > 1 for block in sheet.blocks) else ""
        alike = "with as many labelled cases " if sheet.training_differs else ""
        second = ", underlined second best" if any(value.rank == "second" for value in sheet.values) else ""
        told.append(f"Bold is the best mean {group}{alike}in its column{second}.".replace("  ", " "))
    if sheet.style.significance == "stars":
        which = f"p over {sheet.chance} and cases" if sheet.over_seeds else "p"
        legend = ", ".join(
            f"{stars} {which if place == 0 else 'p'} < {limit}" for place, (limit, stars) in enumerate(reversed(STARS))
        )
        told.append(f"Stars: {legend}, adjusted.")
    return told


def _of_published(sheet: Sheet, papers: Sequence[PublishedTable | None]) -> list[str]:
    found = sum(line.paper is not None for line in sheet.lines)
    return list(dict.fromkeys(note for paper in papers if paper is not None for note in paper.notes(found)))
