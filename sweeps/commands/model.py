"""`simcvd export`: finished trials become a folder that predicts by itself, a data set one for nnU-Net."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sweeps.commands.console import ProgressLine
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


def export_nnunet(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="nnU-Net's folder of raw data sets.")],
    number: Annotated[
        int, typer.Option(min=1, max=999, metavar="N", help="Of the data set, as nnU-Net's commands name it.")
    ] = 500,
) -> None:
    """Write a data set for nnU-Net: the same cases, splits and labels, to compare with it.

    FOLDER/DatasetNNN_NAME has imagesTr, labelsTr, imagesTs, labelsTs, dataset.json and splits_final.json; unlabelled
    cases lie apart in imagesUnlabeled.
    """
    from simcvd.data.nnunet import write_nnunet
    from sweeps.storage.location import refuse_store

    for place in (dataset, out):
        refuse_store(place, "export nnunet")
    with ProgressLine("writing", "cases") as progress:
        written = write_nnunet(dataset, out, number=number, progress=progress)
    counts = (len(ids) for ids in (written.train, written.val, written.test, written.unlabeled))
    told = ", ".join(
        f"{count} {what}" for count, what in zip(counts, ("labelled", "val", "test", "unlabelled"), strict=True)
    )
    typer.echo(f"{written.folder}: {told}; its README.md has the commands to paste.")
    if not written.val:
        typer.echo("There are no val cases, so there is no splits_final.json: nnU-Net draws its own folds.", err=True)
