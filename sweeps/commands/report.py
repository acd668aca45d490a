"""`simcvd report`: a sweep as one HTML file, two of them side by side, or a page that follows a sweep while it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcvd.errors import UserError
from simcvd.files import fitting_name
from sweeps.commands.console import ProgressLine
from sweeps.commands.guidance.completion import complete_finished_sweeps
from sweeps.commands.options import RUNS
from sweeps.commands.results import (
    ImagesOption,
    NamedRunsOption,
    OneSidedOption,
    ReferenceOption,
    sides_asked,
    sweep_at,
)

if TYPE_CHECKING:
    from analysis.report.live.page import Wanted


def report(
    named: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP [SWEEP]",
            help="RUNS/sweeps/NAME, or a NAME in --out; two of them are shown side by side.",
            autocompletion=complete_finished_sweeps,
        ),
    ],
    runs: NamedRunsOption = RUNS,
    reference: ReferenceOption = None,
    one_sided: OneSidedOption = None,
    dataset: ImagesOption = None,
    no_cases: Annotated[bool, typer.Option("--no-cases", help="Leave images and masks out.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it in a browser of this machine, and follow the sweep, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="With --serve: the port. Default: a free one.")
    ] = None,
) -> None:
    """Write a sweep's report, one HTML file that needs nothing else, to RUNS/sweeps/NAME/report.html.

    Summary in words, tables that sort and filter, figures, slices of cases under each variant, failures, settings. Two
    sweeps are laid side by side in RUNS/sweeps/FIRST/report-vs-SECOND.html.
    """
    from analysis.report.live.page import Wanted

    if port is not None and not serve:
        raise UserError("--port is for --serve; drop it.")
    places = [sweep_at(Path(each)) if "/" in each else (runs, fitting_name(each)) for each in named]
    wanted = Wanted(reference, dataset, sides_asked(one_sided), not no_cases)
    if len(places) > 2:
        raise UserError(f"A report shows one sweep, or two side by side, not {len(places)}; name two of them.")
    if dataset is not None and len(places) > 1:
        raise UserError("Two sweeps side by side show no pictures; drop --dataset, or name one sweep.")
    if serve:
        if len(places) > 1:
            raise UserError("--serve shows one sweep; name one, or drop --serve to write both into one file.")
        _serve(*places[0], wanted, port)
    elif len(places) > 1:
        _beside(places, wanted)
    else:
        _write(*places[0], wanted)


def _write(folder: Path, name: str, wanted: "Wanted") -> None:
    from analysis.report.write import write_report
    from sweeps.storage.location import shown_from

    with shown_from(folder, name) as folder, ProgressLine("encoding", "cases") as progress:
        written = write_report(
            folder, name, wanted.reference, wanted.dataset, sides=wanted.sides, cases=wanted.cases, on_case=progress
        )
    typer.echo(f"{written.path} ({written.size / 1e6:.1f} MB)")
    if wanted.cases and not written.report.browser.pictures:
        typer.echo(" ".join(written.report.browser.notes), err=True)


def _beside(places: list[tuple[Path, str]], wanted: "Wanted") -> None:
    from contextlib import ExitStack

    from analysis.report.beside import write_beside
    from sweeps.storage.location import shown_from

    with ExitStack() as held:
        here = [(held.enter_context(shown_from(folder, name)), name) for folder, name in places]
        path = write_beside(here, wanted.reference, sides=wanted.sides)
    typer.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def _serve(folder: Path, name: str, wanted: "Wanted", port: int | None) -> None:
    from analysis.report.live.page import LivePage
    from analysis.report.live.server import ReportServer
    from sweeps.storage.location import refuse_store

    refuse_store(folder, "report --serve")
    with ProgressLine("encoding", "cases") as progress:
        page = LivePage(folder, name, wanted, on_case=progress)
    with ReportServer(page, port or 0) as server:
        typer.echo(server.url)
        typer.echo("Open it on this machine; it follows the sweep. Ctrl-C ends it.", err=True)
        if (study := study_of(folder, name)) is not None:
            typer.echo(f"Every setting tried, with optuna-dashboard (pip install optuna-dashboard): {study}", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("The report is no longer served; without --serve it is written into a file.", err=True)


def study_of(runs: Path, name: str) -> str | None:
    """Return the command that shows a search's study in optuna-dashboard; None for a sweep that searches nothing."""
    import shlex

    from analysis.runs.sweep import read_search, sweep_file

    search = read_search(runs, name)
    if search is None:
        return None
    journal = sweep_file(runs, name).with_name("study.journal")
    return shlex.join(["optuna-dashboard", search.storage if "://" in search.storage else str(journal)])
