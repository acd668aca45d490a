"""`simcvd prepare` and `simcvd inspect`: from raw scans to a data set folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.commands.console import MUST_CHANGE, ProgressLine, print_json
from sweeps.commands.options import JsonOption

if TYPE_CHECKING:
    from simcvd.data.preparation.prepare import PrepareOptions, PrepareReport

SourceArgument = Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the raw scans.")]
TargetArgument = Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder to make.")]
LabeledOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Labelled training cases. Default: all.")]
UnlabeledOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Unlabelled training cases. Default: all that are left.")
]
ValOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Validation cases.")]
TestOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Test cases.")]
SplitFileOption = Annotated[
    Path | None, typer.Option("--split", metavar="FILE", help="File that names the cases of each split.")
]
SplitSeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="Draw the splits. Default: in the order of the list.")
]
ClassesOption = Annotated[
    str | None, typer.Option(metavar="NAME,NAME", help="Foreground classes, in the order of their numbers.")
]
ChannelsOption = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Image channels, in their order.")]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Leave bad cases out, and list them.")]
PrepareWorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Cases at a time. Default: one a CPU.")
]


def prepare_la(
    source: SourceArgument,
    dataset: TargetArgument,
    labeled: LabeledOption = None,
    unlabeled: UnlabeledOption = None,
    val: ValOption = None,
    test: TestOption = None,
    split: SplitFileOption = None,
    seed: SplitSeedOption = None,
    skip_bad: SkipBadOption = False,
    workers: PrepareWorkersOption = None,
) -> None:
    """Left Atrium 2018: one folder a case, with mri_norm2.h5, or with lgemri.nrrd and laendo.nrrd."""
    from simcvd.data.preparation.left_atrium import prepare_la
    from simcvd.data.preparation.prepare import PrepareOptions

    options = PrepareOptions(
        labeled=labeled,
        unlabeled=unlabeled,
        val=val,
        test=test,
        split_file=split,
        seed=seed,
        skip_bad=skip_bad,
        workers=workers,
    )
    _prepare(prepare_la, source, dataset, options)


def prepare_nifti(
    source: SourceArgument,
    dataset: TargetArgument,
    labeled: LabeledOption = None,
    unlabeled: UnlabeledOption = None,
    val: ValOption = None,
    test: TestOption = None,
    split: SplitFileOption = None,
    seed: SplitSeedOption = None,
    classes: ClassesOption = None,
    channels: ChannelsOption = None,
    skip_bad: SkipBadOption = False,
    workers: PrepareWorkersOption = None,
) -> None:
    """NIfTI: imagesTr/ and labelsTr/ (Medical Segmentation Decathlon), or images/ and labels/."""
    from simcvd.data.preparation.nifti import prepare_nifti
    from simcvd.data.preparation.prepare import PrepareOptions

    options = PrepareOptions(
        labeled=labeled,
        unlabeled=unlabeled,
        val=val,
        test=test,
        split_file=split,
        seed=seed,
        classes=_names(classes),
        channels=_names(channels),
        skip_bad=skip_bad,
        workers=workers,
    )
    _prepare(prepare_nifti, source, dataset, options)


def inspect(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder.")],
    as_json: JsonOption = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Don't read every voxel to compare it with its digest.")
    ] = False,
) -> None:
    """Say what a data set holds; exit code 2 if it is not sound."""
    from simcvd.data.inspection import inspect

    with ProgressLine("inspecting", "cases") as progress:
        report = inspect(dataset, verify=not quick, progress=progress)
    if as_json:
        print_json(report.to_dict())
    else:
        typer.echo("\n".join(report.lines()))
    if report.problems:
        raise typer.Exit(MUST_CHANGE)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _prepare(
    make: "Callable[[Path, Path, PrepareOptions], PrepareReport]",
    source: Path,
    dataset: Path,
    options: "PrepareOptions",
) -> None:
    from dataclasses import replace

    with ProgressLine("preparing", "cases") as progress:
        report = make(source, dataset, replace(options, progress=progress))
    for note in report.notes:
        typer.echo(note)
    for case_id, problem in report.left_out.items():
        typer.echo(f"Left out {case_id}: {problem}.")
    counts = ", ".join(f"{len(ids)} {name}" for name, ids in report.info.splits.items())
    typer.echo(f"{dataset}: {counts}; {report.written} cases written, {report.resumed} there before.")
    typer.echo(f"Next: simcvd inspect {dataset}")
