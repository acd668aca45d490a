"""`simcvd status`, `tables` and `figures`: what runs and what has finished, for a reader."""

import itertools
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analysis.runs.sweep import Sides
from simcvd.errors import UserError
from simcvd.files import fitting_name
from sweeps.commands.console import ProgressLine, print_json
from sweeps.commands.guidance.completion import complete_finished_sweeps
from sweeps.commands.options import RUNS, JsonOption

LEAST_HEIGHT = 12

SweepArgument = Annotated[
    str,
    typer.Argument(
        metavar="SWEEP", help="RUNS/sweeps/NAME, or a NAME in --out.", autocompletion=complete_finished_sweeps
    ),
]
NamedRunsOption = Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder, where SWEEP is a name.")]
ReferenceOption = Annotated[
    str | None, typer.Option(metavar="VARIANT", help="Compare with this variant. Default: the sweep's own.")
]
OneSidedOption = Annotated[
    bool | None,
    typer.Option(
        "--one-sided/--two-sided",
        help="Test for the reference being better, as the paper does, or for any difference. Default: the sweep's own "
        "(any, unless its file says `test: one-sided`).",
    ),
]
ImagesOption = Annotated[
    Path | None, typer.Option(metavar="DATASET", help="Where the images are, if not where the sweep found them.")
]


class TableFormat(StrEnum):
    """Forms of an ablation table."""

    terminal = "terminal"
    md = "md"
    latex = "latex"
    html = "html"
    csv = "csv"
    cases = "cases"


class UnitChoice(StrEnum):
    """What shares such as Dice are written in."""

    share = "share"
    percent = "percent"


class SpreadChoice(StrEnum):
    """What stands beside a mean."""

    sd = "sd"
    ci = "ci"


class WidthChoice(StrEnum):
    """How wide figures are."""

    column = "column"
    page = "page"


class SignificanceChoice(StrEnum):
    """How tests are shown."""

    p = "p"
    stars = "stars"


def status(
    named: Annotated[Path, typer.Argument(metavar="RUNS[/SWEEP]", help="Runs folder, or one sweep in it.")] = RUNS,
    every: Annotated[
        bool, typer.Option("--all", help="Show every trial, also on a terminal that has no room for them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what runs, what has finished, and what failed and why."""
    from rich.console import Console

    from sweeps.show.trial_table import render
    from sweeps.status.failures import failure_lines
    from sweeps.status.sweep import read_status
    from sweeps.storage.location import brought
    from sweeps.tuning.record import stage_sweeps

    folder = brought(named)
    whole = any((folder / part).is_dir() for part in ("sweeps", "trials"))
    runs, name = (folder, None) if whole else sweep_at(folder)
    if name is not None and not (runs / "sweeps" / name).is_dir():
        raise UserError(f"There are no runs in {folder}; expected a folder that `simcvd train` or `simcvd sweep` made.")
    names = [None] if name is None else stage_sweeps(runs, name) or [name]
    states = [state for each in names for state in read_status(runs, each)]
    if as_json:
        from sweeps.show.events import status_fields

        print_json({"sweeps": [status_fields(state, runs) for state in states]})
        return
    console = Console()
    room = max(LEAST_HEIGHT, console.height // max(1, len(states))) if console.is_terminal and not every else None
    for state in states:
        console.print(render(state, console.width, room, failures=False))
        for line in failure_lines(runs, state.rows):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def tables(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP...",
            help="RUNS/sweeps/NAME or a NAME in --out, or several; or a CSV or parquet file of scores.",
            autocompletion=complete_finished_sweeps,
        ),
    ],
    runs: NamedRunsOption = RUNS,
    form: Annotated[TableFormat, typer.Option("--format", help="How to print it.")] = TableFormat.terminal,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="dice, jaccard, hd95_mm, nsd_2mm, ...; repeatable. Default: the sweep's own."
        ),
    ] = None,
    reference: ReferenceOption = None,
    one_sided: OneSidedOption = None,
    spread: Annotated[
        SpreadChoice, typer.Option(help="Beside a mean: SD over cases, or half of its 95 % interval.")
    ] = SpreadChoice.sd,
    significance: Annotated[SignificanceChoice, typer.Option(help="p-values, or stars.")] = SignificanceChoice.p,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="M",
            help="Smallest difference that matters, in the unit shown (0.5: Dice points): better, equivalent, worse or "
            "unknown, for one metric.",
        ),
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="Show the paper's values beside ours.")] = False,
    block: Annotated[
        str | None,
        typer.Option(
            "--published-block", metavar="NAME", help="la-16, la-8 or pancreas-12, where the data set does not tell."
        ),
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the case.")] = None,
    variant: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the method or setting.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the seed, if any.")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="COLUMN", help="File of scores: column of the class, if any.")
    ] = None,
    higher_is_better: Annotated[
        bool | None,
        typer.Option(
            "--higher-is-better/--lower-is-better",
            help="File of scores: direction of the metric, where its name does not tell.",
        ),
    ] = None,
    unit: Annotated[
        UnitChoice | None,
        typer.Option(help="File of scores: Dice and the like from 0 to 1, or to 100. Default: told by the column."),
    ] = None,
    as_reported: Annotated[
        bool,
        typer.Option("--as-reported", help="Show what choosing a checkpoint on the scored cases would add."),
    ] = False,
) -> None:
    """Print the ablation table of a sweep with paired tests.

    Of a sweep with several metrics: all of them in one table; --metric prints one with its differences. Several sweeps
    are stacked. A file of per-case scores of another tool needs --case, --variant and --metric.
    """
    from analysis.comparison.scores_file import ScoreColumns
    from analysis.optimism.request import check_request
    from analysis.tables import (
        Style,
        render_cases,
        render_csv,
        render_html,
        render_latex,
        render_markdown,
        render_terminal,
    )
    from analysis.tables.request import Request, is_scores_file, sheet_of_scores, sheet_of_sweeps
    from sweeps.storage.location import brought

    request = Request(
        tuple(metric or ()), reference, sides_asked(one_sided), Style(spread.value, significance.value, margin)
    )
    columns = ScoreColumns(case, variant, seed, class_name, higher_is_better, None if unit is None else unit.value)
    if as_reported:
        more = [*columns.given, *["--published"] * published, *["--published-block"] * (block is not None)]
        check_request(sources, form.value, request, more)
        _print_as_reported(*_place(sources[0], runs), form)
        return
    if len(sources) == 1 and is_scores_file(sources[0]):
        if published and block is None:
            raise UserError(
                "A file of scores does not tell which published table it belongs to; add --published-block."
            )
        sheet = sheet_of_scores(Path(sources[0]), columns, request, block)
    elif columns.given:
        raise UserError(
            f"{', '.join(columns.given)} is for one CSV or parquet file of scores, not for {', '.join(sources)}."
        )
    else:
        found = [
            sweep_at(brought(Path(named))) if "/" in named else (brought(runs), fitting_name(named))
            for named in sources
        ]
        sheet = sheet_of_sweeps(found, request, published, block)
    if form is TableFormat.terminal:
        from rich.console import Console

        console = Console()
        console.print(render_terminal(sheet, console.width))
        return
    text = {"md": render_markdown, "latex": render_latex, "html": render_html, "csv": render_csv, "cases": render_cases}
    typer.echo(text[form](sheet), nl=False)


def figures(
    named: SweepArgument,
    runs: NamedRunsOption = RUNS,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="dice, jaccard, hd95_mm, nsd_2mm, ... Default: the sweep's own.")
    ] = None,
    reference: ReferenceOption = None,
    one_sided: OneSidedOption = None,
    dataset: ImagesOption = None,
    width: Annotated[
        WidthChoice | None,
        typer.Option(help="All figures as wide as a column (89 mm) or a page (183 mm). Default: chosen for each."),
    ] = None,
) -> None:
    """Draw a sweep's figures as PDF, SVG and PNG, with captions, into RUNS/sweeps/NAME/figures.

    Sensitivity curves, forest plot, paired cases, boxes, label efficiency, slices and surfaces of the best, median and
    worst case, training curves: those that apply to what has finished.
    """
    from analysis.figures.sweep_figures import FigureRequest, write_figures
    from sweeps.storage.location import shown_from

    folder, name = _place(named, runs)
    with shown_from(folder, name) as folder, ProgressLine("drawing", "figures") as progress:
        request = FigureRequest(
            metric, reference, dataset, sides_asked(one_sided), None if width is None else width.value
        )
        written = write_figures(folder, name, request, on_figure=progress, workers=None)
    for file, formats in itertools.groupby(written.files, key=lambda path: path.with_suffix("")):
        kinds = [path.suffix[1:] for path in formats]
        typer.echo(f"{file}.{kinds[0] if len(kinds) == 1 else '{' + ','.join(kinds) + '}'}")
    for remark in written.remarks:
        typer.echo(remark, err=True)


def _print_as_reported(folder: Path, name: str, form: TableFormat) -> None:
    from analysis.optimism.of_sweep import optimism_of_sweep
    from analysis.optimism.show import render_terminal, render_text
    from sweeps.storage.location import shown_from

    with shown_from(folder, name) as folder:
        found = optimism_of_sweep(folder, name)
    if form is not TableFormat.terminal:
        typer.echo(render_text(found, form.value), nl=False)
        return
    from rich.console import Console

    console = Console()
    console.print(render_terminal(found, console.width))


def sides_asked(one_sided: bool | None) -> Sides | None:
    """Return what tests are to ask for; None where the command does not say."""
    return None if one_sided is None else "one-sided" if one_sided else "two-sided"


def _place(named: str, runs: Path) -> tuple[Path, str]:
    return sweep_at(Path(named)) if "/" in named else (runs, fitting_name(named))


def sweep_at(path: Path) -> tuple[Path, str]:
    """Return runs folder and sweep name of RUNS/sweeps/NAME or RUNS/NAME."""
    if path.name in {"", ".."}:
        path = path.resolve()
    return (path.parent.parent if path.parent.name == "sweeps" else path.parent), fitting_name(path.name)
