"""`simcvd cluster`, and `--cluster` of sweep and tune: hosts over SSH."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from simcvd.errors import UserError
from sweeps.commands.console import (
    FAILED,
    INTERRUPTED,
    MUST_CHANGE,
    TRAININGS_FAILED,
    end,
    print_columns,
    print_json,
    sweep_console,
)
from sweeps.commands.options import JsonOption

if TYPE_CHECKING:
    from sweeps.cluster.cluster_file import ClusterFile
    from sweeps.cluster.remote.request import RemoteCommand, RemoteSweep
    from sweeps.definition.catalogue import SweepFile

_ANSWERED_HERE: Final = {"cluster", "down_when_done", "runs", "as_json", "plugin"}
"""Options that the command on the head does not get as they are."""

ClusterArgument = Annotated[Path, typer.Argument(metavar="CLUSTER.yaml", help="Ray cluster launcher file.")]


def sweep_on_hosts(context: typer.Context, cluster_path: Path, sweep: "SweepFile") -> None:
    """Run what `simcvd sweep` was asked on the hosts of a cluster; what only looks ahead prints the same from there."""
    from sweeps.cluster.remote.request import RemoteCommand
    from sweeps.cluster.remote.shipment import SWEEP_FILE
    from sweeps.definition.catalogue import is_path

    named = context.params["name"]
    files = {SWEEP_FILE: Path(named)} if is_path(named) else {}
    words = ("sweep", SWEEP_FILE if files else sweep.name)
    command = RemoteCommand(sweep.name, words, sweep.search is not None, files)
    _on_hosts(context, cluster_path, command, _ANSWERED_HERE, f"simcvd sweep {named} --cluster {cluster_path}")


def tune_on_hosts(context: typer.Context, cluster_path: Path, name: str, stages: Sequence[str]) -> None:
    """Run what `simcvd tune` was asked on the hosts of a cluster.

    Args:
        context: of the command.
        cluster_path: the cluster's file.
        name: of the tuning.
        stages: names of its sweeps.
    """
    from sweeps.cluster.remote.request import RemoteCommand

    files = {f"start-{number}.yaml": file for number, file in enumerate(context.params["start"] or ())}
    words = ("tune", f"--name={name}", *(f"--start={file}" for file in files))
    command = RemoteCommand(name, words, True, files, tuple(stages))
    told = f"simcvd tune --name {name} --cluster {cluster_path}"
    _on_hosts(context, cluster_path, command, _ANSWERED_HERE | {"name", "start"}, told)


def _on_hosts(
    context: typer.Context, cluster_path: Path, command: "RemoteCommand", answered: Collection[str], told: str
) -> None:
    """Run a command on the hosts, without the options that are answered here; `told` is how it is named to people."""
    from rich.console import Console

    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.remote.request import RemoteSweep
    from sweeps.cluster.remote.run import look_ahead_on_cluster

    asked = context.params
    if asked["address"]:
        raise UserError("--address is for the machine that it is given on, so --cluster can't be; drop one.")
    ahead = asked["dry_run"] or asked.get("preflight", False)
    wanted = RemoteSweep(
        cluster=load_cluster(cluster_path),
        command=command,
        dataset=asked["dataset"],
        options=_given_options(context, set(answered) - ({"as_json"} if ahead else set())),
        runs=asked["runs"],
    )
    if not ahead:
        _follow(wanted, told, asked["as_json"], asked["down_when_done"])
        return
    ended = look_ahead_on_cluster(wanted, Console().width, typer.echo, lambda text: typer.echo(text, err=True))
    if asked["down_when_done"]:
        _down_when_done(wanted.cluster)
    if ended.exit_code:
        raise typer.Exit(ended.exit_code)


def _follow(wanted: "RemoteSweep", command: str, as_json: bool, down_when_done: bool) -> None:
    from sweeps.cluster.remote.run import sweep_on_cluster

    file, name, what = wanted.cluster.path, wanted.command.name, wanted.command.words[0]
    with sweep_console(as_json, wanted.runs, name) as (console, ended):
        outcome = sweep_on_cluster(wanted, console)
        state = None if outcome.answer else outcome.state
        ended(outcome.exit_code, state, "\n".join(outcome.answer) or outcome.message)
    if outcome.detached:
        end(
            f"Left; the {what} goes on.\n  follow it: the same command again\n  stop it:   simcvd cluster stop {file} "
            f"{name}, and {command} continues it\n  end all:   simcvd cluster down {file}",
            INTERRUPTED,
        )
    if outcome.answer and not as_json:
        typer.echo("\n".join(["", *outcome.answer]))
    if down_when_done:
        _down_when_done(wanted.cluster)
    if outcome.exit_code == MUST_CHANGE:
        end(f"Error: {outcome.message}", MUST_CHANGE)
    if outcome.exit_code and outcome.answer:
        end(TRAININGS_FAILED, outcome.exit_code)
    if outcome.exit_code:
        told = outcome.message or outcome.state.summary()
        end(f"{told}; run the same command again to continue.", outcome.exit_code)


def _down_when_done(cluster: "ClusterFile") -> None:
    from sweeps.cluster.launch import stop as take_down
    from sweeps.cluster.overview import look

    if others := look(cluster).sweeps:
        typer.echo(f"The cluster is left up, since {', '.join(others)} runs on it.", err=True)
    else:
        _tell_down(cluster.path, take_down(cluster))


def _given_options(context: typer.Context, left_out: Collection[str]) -> list[str]:
    """Return the options that were given on the command line, as they are given again to the same command."""
    arguments: list[str] = []
    for parameter in context.command.params:
        key = str(parameter.name)
        source = context.get_parameter_source(key)
        given = source is not None and source.name == "COMMANDLINE"
        if parameter.param_type_name != "option" or key in left_out or not given:
            continue
        value, option = context.params[key], parameter.opts[0]
        if isinstance(value, bool):
            arguments += [option] if value else []
        else:
            arguments += [f"{option}={each}" for each in (value if isinstance(value, list | tuple) else [value])]
    return arguments


def up(file: ClusterArgument) -> None:
    """Start Ray on all hosts, unless it is up."""
    from sweeps.cluster.bring_up import bring_up
    from sweeps.cluster.cluster_file import load_cluster

    cluster = load_cluster(file)
    with bring_up(cluster, lambda text: typer.echo(text, err=True)) as (head, _):
        typer.echo(f"{cluster.name} is up, its head is {head.address}.")


def status(file: ClusterArgument, as_json: JsonOption = False) -> None:
    """Show the hosts, what they have, and the sweeps that run."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.overview import look

    overview = look(load_cluster(file))
    if as_json:
        print_json(overview.to_dict())
    else:
        if overview.nodes:
            print_columns(overview.rows())
        for sentence in overview.sentences():
            typer.echo(sentence)


def stop(
    file: ClusterArgument, name: Annotated[str, typer.Argument(metavar="SWEEP", help="The sweep's name.")]
) -> None:
    """Stop a sweep; its trials write a checkpoint, and the same sweep command continues it."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.overview import stop_sweep

    stop_sweep(load_cluster(file), name)
    typer.echo(f"The sweep {name} has ended; its command continues it.")


def down(file: ClusterArgument) -> None:
    """Stop the sweeps and Ray on all hosts; nothing of ours runs there then."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.hosts import UnreachableError
    from sweeps.cluster.launch import stop as take_down
    from sweeps.cluster.overview import stop_sweeps

    cluster = load_cluster(file)
    try:
        for name in stop_sweeps(cluster):
            typer.echo(f"The sweep {name} has ended; its command continues it.", err=True)
    except UnreachableError as error:  # the other hosts are stopped all the same
        typer.echo(str(error), err=True)
    _tell_down(file, take_down(cluster))


def _tell_down(file: Path, unsure: Mapping[str, str]) -> None:
    if unsure:
        told = "; ".join(f"{address}: {reason}" for address, reason in unsure.items())
        end(f"Not all hosts of {file} are known to be down: {told}", FAILED)
    typer.echo(f"The cluster of {file} is down.", err=True)
