"""`simcvd export`: finished trials become a folder that predicts by itself."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.options import PluginOption


def export(
    trials: Annotated[
        list[Path], typer.Argument(metavar="TRIAL", help="Folders of finished trials; several make an ensemble.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help="The folder to write.")],
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="What they were trained on; its name, channels and plan go in."),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Of the model. Default: the folder's.")] = None,
    plugin: PluginOption = None,  # its callback loads it
    replace: Annotated[bool, typer.Option("--replace", help="Replace another model in the folder.")] = False,
) -> None:
    """Write finished trials as one model folder, which predicts by itself.

    An ensemble averages its networks' probabilities. The folder may be moved to another machine.
    """
    from simcvd.inference.export import write_model
    from sweeps.storage.location import refuse_store

    refuse_store(out, "export")
    info = write_model(out, trials, name=name, dataset=dataset, replace=replace)
    count = len(info.members)
    kind = f"an ensemble of {count} networks" if count > 1 else "one network"
    typer.echo(f"{out}: {kind}, classes {', '.join(info.classes)}; its README.md has the commands to paste.")
    typer.echo(f"simcvd predict {shlex.quote(str(out))} SCANS --out MASKS")
