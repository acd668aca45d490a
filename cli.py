"""The command line: its commands, and how each ends.

Exit codes: 0 done; 1 some trials failed; 2 the user must change something; 130 interrupted, the same command continues.
The commands import heavy modules when they run, so that `simcvd --help` is fast.
"""

import errno
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from analysis.errors import AnalysisError
from simcvd.errors import STORAGE_FAILS, STORAGE_FULL, UserError
from simcvd.training.interruption import ignore_signals, interrupt_on_signals
from sweeps.commands import check_method, cluster, data, lists, model, report, results, sweep, train, trial, tune
from sweeps.commands.console import INTERRUPTED, MUST_CHANGE, end
from sweeps.commands.guidance.group import GuidedGroup
from sweeps.commands.guidance.grouping import GroupedCommand

TOLD = (
    STORAGE_FULL
    | STORAGE_FAILS
    | {
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
    }
)
"""Errors of the system that are the user's to see to."""

_INTERRUPTED = "Interrupted; run the same command again to continue."


class _Commands(GuidedGroup):
    """End with one sentence and an exit code where the user must change something or has interrupted."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the groups before the commands: preparing comes first."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "prepare")

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().make_context(*arguments, **options)
        except KeyboardInterrupt:
            end(_INTERRUPTED, INTERRUPTED)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, AnalysisError) as error:
            end(f"Error: {error}", MUST_CHANGE)
        except OSError as error:
            if error.errno not in TOLD:
                raise
            end(f"Error: {error.filename or 'A file'} can't be written or read: {error.strerror}.", MUST_CHANGE)
        except KeyboardInterrupt:
            end(_INTERRUPTED, INTERRUPTED)


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(cls=GuidedGroup, no_args_is_help=True, rich_markup_mode=None, help=help_text)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would take half of its time
    context_settings={"help_option_names": ["-h", "--help"]},
)
prepare = _group("Turn raw scans into a data set folder.")
prepare.command("la")(data.prepare_la)
prepare.command("nifti")(data.prepare_nifti)
prepare.command("dicom")(data.prepare_dicom)
prepare.command("pancreas")(data.prepare_pancreas)
app.add_typer(prepare, name="prepare")
hosts = _group("Start, look at and stop a cluster of hosts.")
hosts.command("up")(cluster.up)
hosts.command("status")(cluster.status)
hosts.command("stop")(cluster.stop)
hosts.command("down")(cluster.down)
app.add_typer(hosts, name="cluster")
_LONG = (sweep.sweep, tune.tune)
"""Commands with so many options that --help groups them."""
_TWO_WORDS: dict[object, str] = {model.export_nnunet: "export nnunet"}
for command in (
    data.inspect,
    train.train,
    trial.evaluate,
    trial.predict,
    model.export,
    model.export_nnunet,
    sweep.sweep,
    tune.tune,
    results.status,
    results.tables,
    results.figures,
    report.report,
    lists.methods,
    lists.networks,
    check_method.check_method,
    lists.sweeps,
    lists.settings,
):
    app.command(_TWO_WORDS.get(command), cls=GroupedCommand if command in _LONG else None)(command)


@app.callback(invoke_without_command=True)
def _about(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    """Train SimCVD on a few labelled and many unlabelled 3D scans, sweep its settings, test the differences.

    Start with: simcvd sweep dropout
    """
    if version:
        from simcvd import __version__

        typer.echo(f"simcvd {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    if isinstance(sys.stdout, TextIOWrapper):  # of a batch job it may know ASCII alone; standard error copes by itself
        sys.stdout.reconfigure(errors="replace")
    interrupt_on_signals()
    try:
        app(prog_name="simcvd")
    finally:
        ignore_signals()  # how it ended has been said


if __name__ == "__main__":
    main()
