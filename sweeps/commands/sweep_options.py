"""Options of `simcvd sweep` alone, each under the heading that --help shows it under."""

from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.guidance.completion import complete_sweeps
from sweeps.commands.guidance.grouping import FAILURES, LIMITS, LOOK, MACHINES, WHAT

NameArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME|FILE.yaml",
        help="Built-in sweep (see simcvd sweeps) or a file.",
        autocompletion=complete_sweeps,
    ),
]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N,...",
        help="How many seeds (3: 0, 1 and 2), or which (0,2,5; one alone with a comma: 7,); 0 is seed 0. "
        "Default: the sweep's own.",
        rich_help_panel=WHAT,
    ),
]
LabelSplitsOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N,...",
        help="How many random draws of the labelled cases, or which. Default: the sweep's, else the data set's.",
        rich_help_panel=WHAT,
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Processes a trial, each on its own GPU or CPUs.", rich_help_panel=MACHINES),
]
TimeBudgetOption = Annotated[
    str | None,
    typer.Option(metavar="8h|30m|90", help="Stop after this time; the same command continues.", rich_help_panel=LIMITS),
]
MaxTrialsOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Run at most so many trials now, in the sweep's order.", rich_help_panel=LIMITS
    ),
]
GpuHoursOption = Annotated[
    float | None,
    typer.Option(
        metavar="H", help="Run what is predicted to fit, and stop when they are used up.", rich_help_panel=LIMITS
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Show what would run and how long it would take, and run nothing.", rich_help_panel=LOOK
    ),
]
ProbeStepsOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Steps of each kind of trial to time for a prediction; 0: none.",
        rich_help_panel=LOOK,
    ),
]
PreflightOption = Annotated[
    bool,
    typer.Option("--preflight", help="Check machines, storage, data and disk, and run nothing.", rich_help_panel=LOOK),
]
HangTimeoutOption = Annotated[
    str,
    typer.Option(
        metavar="30m|0",
        help="Start a trial again that shows no progress for so long; 0: never.",
        rich_help_panel=FAILURES,
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Database for a search's study. Default: a file in the sweep's folder."),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder on each node's own disk; data sets are copied there once.",
        rich_help_panel=MACHINES,
    ),
]
