"""What `simcvd tables` was asked for, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.scores_file import ScoreColumns, tables_of_scores
from analysis.errors import AnalysisError
from analysis.published import PublishedTable, published_of
from analysis.runs.scores_table import SUFFIXES, as_table
from analysis.runs.sweep import Sides
from analysis.tables.style import Style
from analysis.tables.table import Table, make_sheet


@dataclass(frozen=True)
class Request:
    """What holds for sweeps and for files of scores.

    Attributes:
        metrics: what to show; empty takes those that the sweep names.
        reference: the variant to compare with; None takes the sweep's.
        sides: what the tests ask for; None takes the sweep's, of a file both sides.
        style: how values are shown.
    """

    metrics: tuple[str, ...] = ()
    reference: str | None = None
    sides: Sides | None = None
    style: Style = field(default_factory=Style)


def is_scores_file(place: str) -> bool:
    """Tell whether a place is a file of scores, there or not, rather than a sweep."""
    return Path(place).suffix in SUFFIXES and not Path(place).is_dir()


def sheet_of_sweeps(
    places: Sequence[tuple[Path, str]], request: Request, published: bool = False, block: str | None = None
) -> Table:
    """Lay out one or several sweeps.

    Args:
        places: runs folder and name of each.
        request: what to show.
        published: whether to show the paper's values beside ours.
        block: part of Tables I and II to take them from; None tells it from the data set.

    Raises:
        AnalysisError: as `score_sweep`, `make_sheet` and `published_of`.
    """
    if len(set(places)) < len(places):
        raise AnalysisError("A sweep is named twice; name each once.")
    tables = [
        score_sweep(runs, name, request.metrics or None, request.reference, sides=request.sides)
        for runs, name in places
    ]
    names = [name for _, name in places]
    headings = names if len(set(names)) == len(names) else [str(runs / name) for runs, name in places]
    papers = [_paper(table, block) for table in tables] if published or block is not None else None
    return make_sheet(tables, request.style, papers, headings)


def sheet_of_scores(path: Path, columns: ScoreColumns, request: Request, block: str | None = None) -> Table:
    """Lay out the scores that another tool wrote.

    Args:
        path: the file.
        columns: which of its columns hold what.
        request: what to show; its metrics are columns too.
        block: part of Tables I and II to show beside them; None shows none.

    Raises:
        AnalysisError: as `tables_of_scores`, or columns were not named.
    """
    missing = [
        option
        for option, value in (("--case", columns.case), ("--variant", columns.variant), ("--metric", request.metrics))
        if not value
    ]
    if columns.case is None or columns.variant is None or missing:
        known = ", ".join(filter(None, as_table(path).headings))
        raise AnalysisError(f"Name the columns of {path.name} with {', '.join(missing)}; it has {known}.")
    found = tables_of_scores(
        path,
        columns.case,
        columns.variant,
        request.metrics,
        seed=columns.seed,
        class_name=columns.class_name,
        reference=request.reference,
        higher_is_better=columns.higher_is_better,
        unit=columns.unit,
        sides=request.sides or "two-sided",
    )
    return make_sheet([found], request.style, None if block is None else [_paper(found, block)])


def _paper(scored: ScoredSweep, block: str | None) -> PublishedTable:
    labeled, groups = [row.training.labeled for row in scored.rows], [row.group for row in scored.rows]
    return published_of(scored.sweep.published, scored.sweep.dataset, labeled, block, groups)
