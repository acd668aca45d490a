"""`simcvd evaluate` and `simcvd predict`: what one trial or model scores and segments, without Ray."""

import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from simcvd.errors import UserError
from sweeps.commands.console import FAILED, ProgressLine, end, print_columns, print_json
from sweeps.commands.options import DeviceOption, JsonOption, PluginOption

METRICS = ("dice", "jaccard", "hd95_vox", "asd_vox", "hd95_mm", "asd_mm")

TrialArgument = Annotated[
    Path, typer.Argument(metavar="TRIAL|MODEL", help="Folder of a trial, RUNS/trials/ID, or one made by simcvd export.")
]


class Split(StrEnum):
    """Splits that are scored."""

    val = "val"
    test = "test"


def evaluate(
    trial: TrialArgument,
    dataset: Annotated[
        Path | None,
        typer.Argument(metavar="DATASET", help="Score the network on this data set now, without recording it."),
    ] = None,
    split: Annotated[Split, typer.Option(help="Cases to show.")] = Split.test,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    plugin: PluginOption = None,  # its callback loads it
) -> None:
    """Show the per-case scores of a trial, or with DATASET those of a model.

    They come from the trial's records, or, with DATASET, from scoring the network anew.
    """
    if dataset is None:
        rows = _recorded_scores(trial, split)
    else:
        from dataclasses import asdict

        from simcvd.training.evaluation import count_cases, evaluate_trial

        cases = count_cases(trial, dataset, split)
        with ProgressLine("scoring", "cases") as progress:
            done = itertools.count(1)
            scores = evaluate_trial(
                trial, dataset, split, device=device, on_case=lambda *_: progress(next(done), cases)
            )
        rows = [asdict(score) for score in scores]
    if not rows:
        trained = " that it was not trained on" if split == Split.val else ""
        raise UserError(
            f"There are no {split} scores of {trial}: its data set has no such cases{trained}; try the other --split."
        )
    if as_json:
        print_json(rows)
    else:
        _print_scores(rows)


def predict(
    trial: TrialArgument,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE", help="Files (.nii, .nii.gz, .nrrd, .mha, .mhd, .h5), folders of them, or of DICOM slices."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the masks.")],
    device: DeviceOption = "auto",
    plugin: PluginOption = None,  # its callback loads it
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write each class's probability too, NAME_probabilities.nii.gz.")
    ] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Average over eight mirrored copies; eight times the work.")
    ] = False,
    keep_largest: Annotated[
        bool, typer.Option("--keep-largest", help="Keep the largest connected piece of each class alone.")
    ] = False,
) -> None:
    """Segment images with a finished trial or a model.

    Each mask has its image's voxels, space and format. The same command again goes on where it was cut off.
    """
    from simcvd.inference.mask_options import MaskOptions
    from simcvd.inference.predict import Predicted
    from simcvd.training.evaluation import predict_images

    started = time.monotonic()
    with ProgressLine("predicting", "images") as progress:
        done = itertools.count(1)

        def on_image(predicted: Predicted, images: int) -> None:
            progress(next(done), images)

        found = predict_images(
            trial,
            images,
            out,
            device=device,
            options=MaskOptions(probabilities, mirror, keep_largest),
            on_image=on_image,
        )
    for predicted in found:
        if predicted.problem is None:
            typer.echo(f"{predicted.image.mask}{f': {predicted.note}' if predicted.note else ''}")
    bad = [predicted for predicted in found if predicted.problem is not None]
    before = sum(predicted.found_before for predicted in found)
    new, seconds = len(found) - len(bad) - before, time.monotonic() - started
    typer.echo(
        f"{new} masks written in {seconds:.1f} s ({new / seconds:.2f} a second), {before} there before, "
        f"{len(bad)} images could not be segmented.",
        err=True,
    )
    if bad:
        end("\n".join(f"{predicted.problem}." for predicted in bad), FAILED)


def _recorded_scores(trial: Path, split: Split) -> list[dict[str, Any]]:
    from analysis.runs.records import read_cases
    from simcvd.inference.model_folder import is_model

    if is_model(trial):
        raise UserError(f"The model {trial} holds no scores; give the DATASET whose cases it is to be scored on.")
    folder = trial.resolve()
    if not (folder / "config.yaml").is_file():
        raise UserError(f"There is no trial in {trial}; expected a folder RUNS/trials/ID.")
    frame = read_cases(folder.parent.parent, [folder.name])
    if frame.empty:
        raise UserError(f"The trial {trial} has recorded no scores yet; run its command again to finish it.")
    rows: list[dict[str, Any]] = json.loads(
        frame[frame["split"] == split].to_json(orient="records", double_precision=15)
    )
    return rows


def _print_scores(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print per-case scores and each class's mean over the cases that have the metric."""

    def shown(number: float | None) -> str:
        return "-" if number is None or not math.isfinite(number) else f"{number:.4f}"

    table = [["case", "class", *METRICS]]
    table += [[row["case_id"], row["class_name"], *(shown(row[metric]) for metric in METRICS)] for row in rows]
    for name in dict.fromkeys(row["class_name"] for row in rows):
        own = [row for row in rows if row["class_name"] == name]
        means = [_mean([row[metric] for row in own]) for metric in METRICS]
        table.append([f"mean of {len(own)}", name, *map(shown, means)])
    print_columns(table)
    empty = sum(bool(row["empty_prediction"]) for row in rows)
    if empty:
        typer.echo(f"{empty} predictions are empty; their distances are missing and in no mean.")


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(there) / len(there) if there else None
