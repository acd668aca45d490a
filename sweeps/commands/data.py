"""`simcvd prepare` and `simcvd inspect`: from raw scans to a data set folder."""

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcvd.errors import UserError
from sweeps.commands.console import MUST_CHANGE, ProgressLine, print_json, print_lines
from sweeps.commands.options import JsonOption

if TYPE_CHECKING:
    from simcvd.data.preparation.options import PrepareOptions
    from simcvd.data.preparation.prepare import PrepareReport
    from simcvd.scans.preprocessing import Preprocessing

    Make = Callable[[Path, Path, PrepareOptions], PrepareReport]

SourceArgument = Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the raw scans.")]
TargetArgument = Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder to make.")]
LabeledOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Labelled training cases. Default: all (Pancreas-CT: 12).")
]
UnlabeledOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Unlabelled training cases. Default: all that are left.")
]
ValOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Validation cases.")]
TestOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Test cases.")]
SplitFileOption = Annotated[
    Path | None, typer.Option("--split", metavar="FILE", help="File that names the cases of each split.")
]
GroupsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="CSV of case,group: a group's cases, as all scans of a patient, stay in one split."
    ),
]
SplitSeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="Draw the splits. Default: in the order of the list.")
]
ClassesOption = Annotated[
    str | None, typer.Option(metavar="NAME,NAME", help="Foreground classes, in the order of their numbers.")
]
ChannelsOption = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Image channels, in their order.")]
SpacingOption = Annotated[
    str | None,
    typer.Option(metavar="X,Y,Z|keep", help="Voxel size in mm of all cases. Default: the training scans' median."),
]
NormalizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW", help="z-score, nonzero, window:LOWER,UPPER, percentiles or as-is. Default: by the modality."
    ),
]
NormalizeAgainOption = Annotated[
    str | None,
    typer.Option(
        metavar="z-score",
        help="Bring each mri_norm2.h5 to mean 0 and deviation 1 again, since it was normalised before it was cropped. "
        "Default: as it is.",
    ),
]
LikeOption = Annotated[
    Path | None,
    typer.Option(metavar="DATASET|MODEL", help="Take voxel size and intensities from another data set, or a model's."),
]
SeriesOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Series to take of a case with several: its description, number or UID."),
]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Leave bad cases out, and list them.")]
PrepareWorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Cases at a time. Default: one a CPU.")
]


def _chosen(
    labeled: LabeledOption = None,
    unlabeled: UnlabeledOption = None,
    val: ValOption = None,
    test: TestOption = None,
    split: SplitFileOption = None,
    groups: GroupsOption = None,
    seed: SplitSeedOption = None,
    classes: ClassesOption = None,
    channels: ChannelsOption = None,
    spacing: SpacingOption = None,
    normalize: NormalizeOption = None,
    like: LikeOption = None,
    skip_bad: SkipBadOption = False,
    workers: PrepareWorkersOption = None,
) -> "PrepareOptions":
    """Return what a person chose; these are the options of every `simcvd prepare`, written once."""
    from simcvd.data.preparation.options import PrepareOptions

    return PrepareOptions(
        labeled=labeled,
        unlabeled=unlabeled,
        val=val,
        test=test,
        split_file=split,
        groups=groups,
        seed=seed,
        classes=_names(classes),
        channels=_names(channels),
        spacing=spacing,
        normalize=normalize,
        like=_followed(like),
        skip_bad=skip_bad,
        workers=workers,
    )


def _followed(like: Path | None) -> "Path | Preprocessing | None":
    """Return the preprocessing of a model folder; a data set folder as it is."""
    from simcvd.inference.model_folder import is_model, read_model

    if like is None or not is_model(like):
        return like
    found = read_model(like).preprocessing
    if found is None:
        raise UserError(f"The model {like} does not say how its scans were prepared; give the data set with --like.")
    return found


def _preparing(*fixed: str) -> "Callable[[Callable[..., Make]], Callable[..., None]]":
    """Make a command of a function that returns how its kind of source is prepared.

    Args:
        fixed: options of `_chosen` that the kind of source decides itself.
    """

    def command(find: "Callable[..., Make]") -> Callable[..., None]:
        own = signature(find).parameters

        def run(source: Path, dataset: Path, **options: Any) -> None:
            make = find(**{name: options.pop(name) for name in own})
            _prepare(make, source, dataset, _chosen(**options))

        shared = [param for name, param in signature(_chosen).parameters.items() if name not in fixed]
        places = [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)
            for name, kind in (("source", SourceArgument), ("dataset", TargetArgument))
        ]
        offered = [*places, *own.values(), *shared]
        run.__signature__ = Signature(offered)  # type: ignore[attr-defined]  # Typer reads it
        run.__annotations__ = {param.name: param.annotation for param in offered}
        run.__name__, run.__doc__ = find.__name__, find.__doc__
        return run

    return command


@_preparing("classes", "channels", "spacing", "normalize", "like")
def prepare_la(normalize: NormalizeAgainOption = None) -> "Make":
    """Left Atrium 2018: one folder a case, with mri_norm2.h5, or with lgemri.nrrd and laendo.nrrd."""
    from simcvd.data.preparation.left_atrium import prepare_la

    return lambda source, dataset, options: prepare_la(source, dataset, replace(options, normalize=normalize))


@_preparing()
def prepare_nifti() -> "Make":
    """NIfTI, NRRD, MetaImage: Decathlon and nnU-Net folders, images/ and labels/, or the pairs of dataset.json."""
    from simcvd.data.preparation.nifti import prepare_nifti

    return prepare_nifti


@_preparing()
def prepare_dicom(series: SeriesOption = None) -> "Make":
    """DICOM: one folder a case with the files of its series and its label (NIfTI, NRRD, MetaImage or DICOM-SEG)."""
    from functools import partial

    from simcvd.data.preparation.dicom import prepare_dicom

    return partial(prepare_dicom, series=series)


@_preparing("classes", "channels", "spacing", "normalize", "like")
def prepare_pancreas() -> "Make":
    """Pancreas-CT (NIH) as TCIA hands it out: PANCREAS_0001/ with DICOM files, and label0001.nii.gz."""
    from simcvd.data.preparation.pancreas import prepare_pancreas

    return prepare_pancreas


def inspect(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder.")],
    as_json: JsonOption = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Don't read every voxel to compare it with its digest, and measure no image."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with a slice of every case.")
    ] = None,
) -> None:
    """Say what a data set holds and what is odd about it; exit code 2 if it is not sound."""
    from simcvd.data.inspection.inspect import inspect
    from simcvd.data.inspection.report import LABEL_WIDTH

    with ProgressLine("inspecting", "cases") as progress:
        report = inspect(dataset, verify=not quick, images=not quick, progress=progress)
    if as_json:
        print_json(report.to_dict())
    else:
        print_lines(report.lines(), indent=LABEL_WIDTH)
    if html is not None:
        from sweeps.dataset_page.page import write_page

        with ProgressLine("drawing", "cases") as progress:
            size = write_page(html, dataset, report, progress)
        typer.echo(f"{html}: {size / 1e6:.1f} MB", err=as_json)
    if report.problems:
        raise typer.Exit(MUST_CHANGE)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _prepare(
    make: "Make",
    source: Path,
    dataset: Path,
    options: "PrepareOptions",
) -> None:
    with ProgressLine("preparing", "cases") as progress:
        report = make(source, dataset, replace(options, progress=progress))
    counts = ", ".join(f"{len(ids)} {name}" for name, ids in report.info.splits.items())
    lines = [
        *report.notes,
        *report.reasons,
        *(f"Left out {case_id}: {problem}." for case_id, problem in report.left_out.items()),
        f"{dataset}: {counts}; {report.written} cases written, {report.resumed} there before.",
        *report.plan,
    ]
    print_lines(lines, indent=4)
    if report.written:
        _tell_what_is_odd(dataset)
    print_lines([f"Next: simcvd inspect {dataset}"], indent=4)


def _tell_what_is_odd(dataset: Path) -> None:
    """Say of a new data set what `simcvd inspect` would; its files were just written, so they come from memory.

    Raises:
        typer.Exit: results of this data set would be wrong.
    """
    from simcvd.data.inspection.inspect import inspect
    from simcvd.data.inspection.report import LABEL_WIDTH

    with ProgressLine("looking at", "cases") as progress:
        report = inspect(dataset, verify=False, progress=progress)
    if warnings := report.warnings():
        print_lines(warnings, indent=LABEL_WIDTH)
    if report.problems:
        raise typer.Exit(MUST_CHANGE)
