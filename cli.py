"""The command line: arguments and exit codes, nothing else.

Exit codes: 0 done; 1 some trials failed; 2 the user must change something; 130 interrupted, resumable.
Heavy modules are imported inside the commands, so that `simcvd --help` is fast.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from analysis.errors import AnalysisError
from simcvd.errors import UserError

if TYPE_CHECKING:
    from simcvd.config import TrialConfig

FAILED, USER, INTERRUPTED = 1, 2, 130
PHANTOM_FOLDER = "phantom-data"
PLAIN_LINE_SECONDS = 10.0


class _Commands(TyperGroup):
    """Turn what the user must change, and Ctrl-C, into one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, AnalysisError) as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(USER) from error
        except KeyboardInterrupt as error:
            typer.echo("Interrupted; run the same command again to continue.", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train SimCVD, sweep its settings with Ray, compare with paired tests.",
)

DatasetOption = Annotated[
    Path | None, typer.Argument(metavar="[DATASET]", help="Data set folder; without it the built-in phantom set is made.")
]
RunsOption = Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder; the same one continues.")]
ChangesOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting (docs/settings.md); repeatable.")
]
PresetOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Starting point: la, pancreas or phantom. Default: the data set's own.")
]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads. Default: torch's own choice.")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TrialArgument = Annotated[Path, typer.Argument(metavar="TRIAL", help="A trial's folder, RUNS/trials/ID.")]

