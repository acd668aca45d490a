"""The one value that every format renders: one or several sweeps in one or several metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from analysis.comparison.metric import Metric, joined, labels
from analysis.comparison.notes import SPREAD
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.errors import AnalysisError
from analysis.published import PublishedTable
from analysis.runs.sweep import Sides, read_sweep
from analysis.runs.training_cases import differ
from analysis.tables.lines import STARS, ClassLines, Line, Value, marked, sections_of, tested_over_seeds
from analysis.tables.style import Style

_OF_SEVERAL: Final = (
    "Each sweep is compared with its own reference, and its p-values are adjusted for its own comparisons only."
)


@dataclass(frozen=True)
class Table:
    """What is shown.

    Attributes:
        sources: the sweeps, scored in the same metrics.
        style: how values are shown.
        names: what to call each sweep; None where there is one.
        papers: the paper's table of each sweep; None shows none.
    """

    sources: tuple[ScoredSweep, ...]
    style: Style = field(default_factory=Style)
    names: tuple[str | None, ...] = (None,)
    papers: tuple[PublishedTable | None, ...] = (None,)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What each line has values of."""
        return self.sources[0].metrics

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of the first metric, sweep by sweep: the foreground mean of all variants, then each class."""
        return tuple(row for source in self.sources for row in source.rows)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        about = self.metrics[0].heading if len(self.metrics) == 1 else joined(list(labels(self.metrics).values()))
        cases = [
            " of ".join(filter(None, (f"{source.split} cases".strip(), source.sweep.dataset)))
            for source in self.sources
        ]
        reference = self.sources[0].reference
        compared = f", reference {reference}" if len(self.sources) == 1 and reference is not None else ""
        names = joined(list(dict.fromkeys(source.sweep.name for source in self.sources)))
        return f"{names}: {about} on {joined(list(dict.fromkeys(cases)))}{compared}"

    @cached_property
    def classes(self) -> tuple[ClassLines, ...]:
        """The foreground mean, then each class."""
        lines = [source.lines_by_class() for source in self.sources]
        names = [[name for name, _ in own] for own in lines]
        # Sweeps with other classes share the foreground mean, the first, and nothing else.
        shown = names[0] if all(other == names[0] for other in names) else names[0][:1]
        return tuple(
            ClassLines(
                name if len(shown) > 1 else None,
                tuple(
                    marked(section, self.style.significance == "stars")
                    for own, heading, paper in zip(lines, self.names, self.papers, strict=True)
                    for section in sections_of(own[place][1], self.metrics, heading, paper)
                ),
            )
            for place, name in enumerate(shown)
        )

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Lines of all classes."""
        return tuple(line for own in self.classes for section in own.sections for line in section.lines)

    @property
    def values(self) -> tuple[Value, ...]:
        """Values of all lines."""
        return tuple(value for line in self.lines for value in line.values)

    @property
    def stops(self) -> tuple[str, ...]:
        """What comes before all else: the sweeps in which nothing was learned, a sentence each."""
        several = len(self.sources) > 1
        return tuple(
            f"{name}: {source.stop}" if several else source.stop
            for name, source in zip(self.names, self.sources, strict=True)
            if source.stop is not None
        )

    @property
    def notes(self) -> tuple[tuple[str | None, tuple[str, ...]], ...]:
        """All that a reader must know, in sentences; each list under the name of its sweep, None for those on all."""
        told = [
            tuple(note.replace(SPREAD["sd"], SPREAD[self.style.spread], 1) for note in source.notes)
            for source in self.sources
        ]
        found = sum(line.paper is not None for line in self.lines)
        of_papers = dict.fromkeys(note for paper in self.papers if paper is not None for note in paper.notes(found))
        if len(self.sources) == 1:
            return ((None, (*told[0], *self._legend(), *of_papers)),)
        return (None, (_OF_SEVERAL, *self._legend(), *of_papers)), *zip(self.names, told, strict=True)

    @cached_property
    def over_seeds(self) -> bool:
        """Whether any comparison was tested over seeds (or label splits) and cases."""
        return tested_over_seeds(self.lines)

    @property
    def chance(self) -> str:
        """What these tests count as chance beside the cases: seeds, label splits, or each in some rows."""
        differences = [value.row.difference for value in self.values if value.p_over_seeds is not None]
        return " or ".join(sorted({each.chance for each in differences if each is not None}, reverse=True))

    @property
    def compared(self) -> bool:
        """Whether there is a reference to compare with."""
        return any(source.reference is not None for source in self.sources)

    @cached_property
    def training_differs(self) -> bool:
        """Whether rows were trained on different numbers of cases."""
        return differ(line.row.training for line in self.lines)

    @cached_property
    def has_published(self) -> bool:
        """Whether any published value is shown."""
        return any(line.paper is not None for line in self.lines)

    def _of_probabilities(self) -> Iterator[str]:
        if self.compared and self.style.significance == "p":
            over = f"{self.chance} and cases where that is tested, else over cases" if self.over_seeds else "cases"
            yield f"95 % CI: of the difference, over {over}; not adjusted."
        if self.over_seeds:
            yield (
                f"P(first): probability that no other variant with the same {self.chance} is really better, other ones "
                "and other cases counted; call one the best from 0.975 on. P(false): that the difference from the "
                "reference really has the other sign, or is none; not adjusted for the number of comparisons."
            )
        if self.style.margin is not None:
            metric = self.metrics[0]
            over = f"{self.chance} and cases" if self.over_seeds else "cases"
            yield (
                f"\N{PLUS-MINUS SIGN}{self.style.margin:g}: by the 95 % interval over {over}, equivalent is wholly "
                f"within {self.style.margin:g} of the reference (in {metric.difference_unit or '1'}), better or worse "
                "wholly beyond, unknown anything else."
            )

    def _legend(self) -> list[str]:
        """Say what bold, underlines and stars mean, where there are any."""
        told, ranks = [], {value.rank for value in self.values}
        if ranks - {None}:
            group = "of its group " if any(len(own.sections) > 1 for own in self.classes) else ""
            alike = "with as many labelled cases " if self.training_differs else ""
            second = ", underlined second best" if "second" in ranks else ""
            told.append(f"Bold is the best mean {group}{alike}in its column{second}.")
        if len(self.metrics) == 1:
            told += self._of_probabilities()
        two_sided = any(source.sides == "two-sided" for source in self.sources)
        if two_sided and any(line.paper is not None and line.paper.p is not None for line in self.lines):
            told.append("The published p are one-sided; with --one-sided ours are, too.")
        if self.style.significance == "stars":
            which = f"p over {self.chance} and cases" if self.over_seeds else "p"
            (least, first), *others = reversed(STARS)
            legend = [f"{first} {which} < {least}", *(f"{stars} p < {limit}" for limit, stars in others)]
            told.append(f"Stars: {', '.join(legend)}, adjusted.")
        return told


Shown = Table | ScoredSweep
"""What the formats take: a table, or a sweep or file of scores that was scored."""


def as_table(shown: Shown) -> Table:
    """Return what is shown as a table."""
    return Table((shown,)) if isinstance(shown, ScoredSweep) else shown


def ablation_table(
    runs: Path,
    sweep_name: str,
    metric: str | None = None,
    reference: str | None = None,
    *,
    sides: Sides | None = None,
    split: str | None = None,
) -> Table:
    """Build the table of one metric of `runs/sweeps/sweep_name`, by default the sweep's own; see `score_sweep`."""
    sweep = read_sweep(runs, sweep_name)
    return Table((score_sweep(runs, sweep, metric or sweep.metric, reference, sides=sides, split=split),))


def overview(
    runs: Path,
    sweep_name: str,
    reference: str | None = None,
    metrics: Sequence[str] | None = None,
    *,
    sides: Sides | None = None,
) -> Table:
    """Build the table of several metrics of `runs/sweeps/sweep_name`, by default all of its own; see `score_sweep`."""
    return Table((score_sweep(runs, sweep_name, metrics, reference, sides=sides),))


def make_sheet(
    tables: Sequence[Shown],
    style: Style = Style(),  # noqa: B008 (frozen)
    published: Sequence[PublishedTable] | None = None,
    headings: Sequence[str] | None = None,
) -> Table:
    """Lay out one or several sweeps as one table.

    Args:
        tables: one a sweep, with the same metrics.
        style: how values are shown.
        published: the paper's table of each sweep; None shows none.
        headings: what to call each sweep, where there are several; None takes their names.

    Raises:
        AnalysisError: the sweeps' tables have different metrics.
    """
    sources = [source for each in tables for source in as_table(each).sources]
    first = sources[0]
    for other in sources[1:]:
        if other.metrics != first.metrics:
            both = " and of ".join(joined([metric.name for metric in each.metrics]) for each in (first, other))
            raise AnalysisError(
                f"The sweeps {first.sweep.name} and {other.sweep.name} are about different metrics (of {both}); "
                "choose one with --metric."
            )
    style.check(len(first.metrics))
    names = [None] if len(sources) == 1 else headings or [source.sweep.name for source in sources]
    return Table(tuple(sources), style, tuple(names), tuple(published or [None] * len(sources)))
