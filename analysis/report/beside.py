"""Two sweeps side by side: answers, the variants that both have, tables one above the other, forests on one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.comparison.metric import MISSING, Metric, find_metric, joined, points, shown, shown_p
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.verdict import SIGNIFICANT, finding
from analysis.errors import AnalysisError
from analysis.report.content import own_version
from analysis.report.data import json_text, metric_data, row_data
from analysis.report.frame import read_asset, render_page
from analysis.report.summary import Paragraph, summarise
from analysis.runs.replicate import chance
from analysis.runs.sweep import Sides, read_sweep
from simcvd.files import fitting_name, write_file

_SCRIPTS = (
    *("dom", "theme", "sideways", "tables", "axes", "save", "chart", "tooltip", "choice"),
    *("forest", "beside"),
)
_LETTERS = 200
"""Of the second sweep's name in that of the file."""


@dataclass(frozen=True)
class Own:
    """One of the two.

    Attributes:
        name: what to call it.
        scored: its scores in the metrics that both have.
        summary: what it came to.
    """

    name: str
    scored: ScoredSweep
    summary: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Beside:
    """Two sweeps.

    Attributes:
        both: the sweeps.
        metrics: those of both, the one that they are about first.
        classes: `mean`, then the classes where both have the same; the mean alone where they have others.
        shared: names of the variants that both have.
        cautions: what forbids to compare their means, in sentences.
        made: when and by which version, in words.
    """

    both: tuple[Own, Own]
    metrics: tuple[Metric, ...]
    classes: tuple[str, ...]
    shared: tuple[str, ...]
    cautions: tuple[str, ...]
    made: str


def read_beside(
    places: Sequence[tuple[Path, str]], reference: str | None = None, *, sides: Sides | None = None
) -> Beside:
    """Read two sweeps from what has finished so far of them.

    Args:
        places: runs folder and name of each.
        reference: name of the variant to compare with, in both; None takes each sweep's own.
        sides: as for `score_sweep`.

    Raises:
        AnalysisError: no such sweep or variant, a damaged record, twice the same sweep, or sweeps about different
            metrics.
    """
    sweeps = [read_sweep(runs, name) for runs, name in places]
    first, second = sweeps
    if len({(runs / "sweeps" / name).resolve() for runs, name in places}) < 2:
        raise AnalysisError(f"The sweep {first.name} is named twice; name two sweeps, or one for its own report.")
    if first.metric != second.metric:
        both = " and ".join(find_metric(sweep.metric).heading for sweep in sweeps)
        raise AnalysisError(
            f"The sweeps {first.name} and {second.name} are about different metrics ({both}) and can't stand side by "
            "side; give both the same metric in their sweep files, or write a report of each."
        )
    metrics = [name for name in first.metrics if name in second.metrics]
    scored = [
        score_sweep(runs, sweep, metrics, reference, sides=sides)
        for (runs, _), sweep in zip(places, sweeps, strict=True)
    ]
    names = [sweep.name for sweep in sweeps]
    if names[0] == names[1]:
        names = [str(runs / name) for runs, name in places]
    a, b = (Own(name, own, tuple(summarise(own))) for name, own in zip(names, scored, strict=True))
    of_b = {row.variant for row in b.scored.main.means}
    classes = [tuple(name for name, _ in own.lines_by_class()) for own in scored]
    return Beside(
        both=(a, b),
        metrics=a.scored.metrics,
        classes=classes[0] if classes[0] == classes[1] else ("mean",),
        shared=tuple(row.variant for row in a.scored.main.means if row.variant in of_b),
        cautions=tuple(_cautions(a, b)),
        made=f"{datetime.now():%Y-%m-%d} with simcvd {own_version()}",
    )


def write_beside(
    places: Sequence[tuple[Path, str]], reference: str | None = None, *, sides: Sides | None = None
) -> Path:
    """Write `RUNS/sweeps/FIRST/report-vs-SECOND.html` and return its path; arguments as of `read_beside`.

    Raises:
        AnalysisError: see there.
    """
    content = render_beside(read_beside(places, reference, sides=sides)).encode()
    (runs, first), (_, second) = places
    path = runs / "sweeps" / first / f"report-vs-{fitting_name(second, _LETTERS)}.html"
    write_file(path, content)
    return path


def render_beside(beside: Beside) -> str:
    """Return the page."""
    from markupsafe import Markup

    from analysis.tables import make_sheet, render_html

    names = [own.name for own in beside.both]
    each = zip(*(own.scored.each() for own in beside.both), strict=True)
    tables = [(own[0].main.metric.heading, Markup(render_html(make_sheet(own, headings=names)))) for own in each]
    if len(tables) > 1:
        whole = make_sheet([own.scored for own in beside.both], headings=names)
        tables.insert(0, ("All metrics", Markup(render_html(whole))))
    content = {
        "beside": beside,
        "tables": tables,
        "classes": beside.classes,
        "shared": [[_cells(own, name) for own in beside.both] for name in beside.shared],
        "tested": [_tested(own, beside.shared) for own in beside.both],
        "data": Markup(json_text(_data(beside))),
    }
    scripts = (read_asset(f"{name}.js") for name in _SCRIPTS)
    return render_page(read_asset("beside.html.j2"), read_asset("report.css"), scripts, content)


def _cautions(a: Own, b: Own) -> list[str]:
    first, second = a.scored, b.scored
    told = []
    if first.sweep.dataset_digest != second.sweep.dataset_digest:
        on = f"{first.sweep.dataset} and {second.sweep.dataset}"
        if first.sweep.dataset == second.sweep.dataset:
            on = f"two states of {first.sweep.dataset}"
        told.append(f"They ran on different data ({on}), so their means can't be compared.")
    elif set(first.cases) != set(second.cases) and first.cases and second.cases:
        told.append("They were scored on different cases, so their means can't be compared.")
    if first.classes != second.classes and first.classes and second.classes:
        told.append(
            f"They have different classes ({joined(list(first.classes.values()))}; "
            f"{joined(list(second.classes.values()))}): only the mean over classes stands side by side."
        )
    if first.sides != second.sides:
        told.append(f"{a.name} is tested {first.sides}, {b.name} {second.sides}; --two-sided asks both the same.")
    return told


def _row(own: Own, name: str) -> Row:
    return next(row for row in own.scored.main.means if row.variant == name)


def _tested(own: Own, names: Sequence[str]) -> list[str]:
    """Return headings of the columns of p that a sweep has."""
    found = [each for name in names if (each := finding(name, _row(own, name).difference)) is not None]
    over = [each.difference for each in found if each.difference.over_seeds_holm is not None]
    of_cases = any(each.difference.p_holm is not None for each in found)
    return [*(["p"] if of_cases else []), *([f"p over {over[0].chance}"] if over else [])]


def _cells(own: Own, name: str) -> list[tuple[str, float | None]]:
    """Return a variant's mean, difference from the sweep's own reference, and p: text, and what sorts."""
    row, metric = _row(own, name), own.scored.main.metric
    found = finding(name, row.difference)
    sd = "" if row.sd is None else f" \N{PLUS-MINUS SIGN} {shown(row.sd, metric)}"
    cells = [(f"{shown(row.mean, metric)}{'' if row.mean is None else sd}", row.mean)]
    ref = "ref" if row.is_reference else MISSING
    cells.append((ref, None) if found is None else (points(found.mean, metric), found.mean))
    values = [None, None] if found is None else [found.difference.p_holm, found.difference.over_seeds_holm]
    return [*cells, *((ref if p is None else shown_p(p), p) for p in values)]


def _data(beside: Beside) -> dict[str, Any]:
    return {
        "significant": SIGNIFICANT,
        "metrics": [metric_data(metric) for metric in beside.metrics],
        "classes": list(beside.classes),
        "sweeps": [
            {
                "name": own.name,
                "reference": own.scored.reference,
                "stop": own.scored.stop is not None,
                "chance": chance(any(row.trials.splits > 1 for row in own.scored.rows)),
                "rows": [
                    [
                        [{"name": line[place].variant, **row_data(line[place], metric)} for line in lines]
                        for name, lines in own.scored.lines_by_class()
                        if name in beside.classes
                    ]
                    for place, metric in enumerate(beside.metrics)
                ],
            }
            for own in beside.both
        ],
    }
