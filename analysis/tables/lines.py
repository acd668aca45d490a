"""The lines of a table: a variant's values, in sections of one class, ranked and starred within their section."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from analysis.comparison.metric import Metric
from analysis.comparison.row import Row
from analysis.comparison.verdict import SIGNIFICANT
from analysis.published import PublishedRow, PublishedTable, PublishedValue

Rank = Literal["best", "second"]

STARS: Final = ((0.001, "***"), (0.01, "**"), (SIGNIFICANT, "*"))


@dataclass(frozen=True)
class Value:
    """One variant, class and metric.

    Attributes:
        row: what was found.
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
class ClassLines:
    """Sections of one class; its name is None where there is one class only."""

    class_name: str | None
    sections: tuple[Section, ...]


def sections_of(
    lines: Sequence[tuple[Row, ...]], metrics: Sequence[Metric], name: str | None, paper: PublishedTable | None
) -> list[Section]:
    """Sort the lines of one class into sections, one a group.

    Args:
        lines: each variant's rows, one a metric.
        metrics: what they are of.
        name: the heading of their sweep, where there are several.
        paper: where published values are looked up.
    """
    by_group: dict[str | None, list[Line]] = {}
    for rows in lines:
        first = rows[0]
        # The paper's data have one class, so its values belong to the foreground mean.
        asked = paper is not None and first.class_id is None
        found = paper.row(first.published or first.variant, first.training.labeled) if paper and asked else None
        values = tuple(
            Value(row, metric, published=found.values.get(metric.name) if found else None)
            for row, metric in zip(rows, metrics, strict=True)
        )
        by_group.setdefault(first.group, []).append(Line(values, found))
    reference = [line for own in by_group.values() for line in own if line.row.is_reference]
    return [
        # Each group shows what it is compared with.
        Section(
            ": ".join(filter(None, (name, group))) or None, (*own, *(line for line in reference if line not in own))
        )
        for group, own in by_group.items()
    ]


def marked(section: Section, stars: bool) -> Section:
    """Rank each metric's values among the lines that were trained on as many labels, and give them stars."""
    over_seeds = tested_over_seeds(section.lines)
    columns = [
        [
            replace(value, rank=rank, stars=_stars(value, over_seeds) if stars else "")
            for value, rank in zip(values, _ranks(values), strict=True)
        ]
        for values in zip(*(line.values for line in section.lines), strict=True)
    ]
    by_line = zip(section.lines, zip(*columns, strict=True), strict=True)
    return replace(section, lines=tuple(replace(line, values=values) for line, values in by_line))


def tested_over_seeds(lines: Iterable[Line]) -> bool:
    """Tell whether any comparison was tested over seeds (or label splits) and cases."""
    return any(value.p_over_seeds is not None for line in lines for value in line.values)


def _ranks(values: Sequence[Value]) -> list[Rank | None]:
    """Rank by the mean; ties share. One value alone is not best, and of two none is second."""
    competing: dict[int | None, list[float]] = {}
    for value in values:
        if value.row.mean is not None:
            competing.setdefault(value.row.training.labeled, []).append(value.row.mean)
    ranks: list[Rank | None] = []
    for value in values:
        means = competing.get(value.row.training.labeled, [])
        ordered = sorted(set(means), reverse=value.metric.higher_is_better)
        place = ordered.index(value.row.mean) if value.row.mean is not None and len(ordered) > 1 else None
        ranks.append("best" if place == 0 else "second" if place == 1 and len(means) > 2 else None)
    return ranks


def _stars(value: Value, over_seeds: bool) -> str:
    p = value.p_over_seeds if over_seeds else value.p
    return next((stars for limit, stars in STARS if p is not None and p < limit), "")
