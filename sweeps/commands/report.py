"""`simcvd report`: a sweep as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from simcvd.files import fitting_name
from sweeps.commands.console import ProgressLine
from sweeps.commands.options import RUNS
from sweeps.commands.results import (
    ImagesOption,
    NamedRunsOption,
    OneSidedOption,
    ReferenceOption,
    SweepArgument,
    sides_asked,
    sweep_at,
)


def report(
    named: SweepArgument,
    runs: NamedRunsOption = RUNS,
    reference: ReferenceOption = None,
    one_sided: OneSidedOption = None,
    dataset: ImagesOption = None,
    no_cases: Annotated[bool, typer.Option("--no-cases", help="Leave images and masks out.")] = False,
) -> None:
    """Write a sweep's report, one HTML file that needs nothing else, to RUNS/sweeps/NAME/report.html.

    Summary in words, tables that sort and filter, figures, slices of cases under each variant, failures, settings.
    """
    from analysis.report.write import write_report
    from sweeps.storage.location import shown_from

    folder, name = sweep_at(Path(named)) if "/" in named else (runs, fitting_name(named))
    with shown_from(folder, name) as folder, ProgressLine("encoding", "cases") as progress:
        written = write_report(
            folder, name, reference, dataset, sides=sides_asked(one_sided), cases=not no_cases, on_case=progress
        )
    typer.echo(f"{written.path} ({written.size / 1e6:.1f} MB)")
    if not no_cases and not written.report.browser.pictures:
        typer.echo(" ".join(written.report.browser.notes), err=True)
