"""A data set in the raw layout of nnU-Net (version 2): the same cases, splits and labels, for its own training.

Labelled training cases and val cases are `imagesTr/` and `labelsTr/`, and `splits_final.json` divides them; test cases
are `imagesTs/` and `labelsTs/`; unlabelled ones, which nnU-Net does not know, lie apart in `imagesUnlabeled/`.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simcvd import __version__
from simcvd.data.case_file import CaseFile, open_case
from simcvd.data.dataset_info import DatasetInfo, open_info
from simcvd.errors import UserError
from simcvd.files import MOST_NAME_BYTES, fitting_name, replacing_folder, write_file
from simcvd.labels import IGNORED
from simcvd.scans.volume import Array

ENDING: Final = ".nii.gz"
SPLITS_FILE: Final = "splits_final.json"
UNLABELED: Final = "imagesUnlabeled"
_OWN_LABELS: Final = ("background", "ignore")
_MARK: Final = "simcvd"
"""Key of `dataset.json` that says what was exported; nnU-Net passes over keys that it does not know."""
_SAME: Final = 1e-3  # between the voxel size and the affine's, as a part

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class NnunetDataset:
    """What was written.

    Attributes:
        folder: `DatasetNNN_NAME`.
        number: its number, by which nnU-Net's commands name it.
        train: labelled training cases.
        val: cases that the training is validated on.
        test: test cases.
        unlabeled: training cases without label.
    """

    folder: Path
    number: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    unlabeled: tuple[str, ...]


def write_nnunet(dataset: Path, out: Path, *, number: int = 500, progress: Progress | None = None) -> NnunetDataset:
    """Write a data set folder as `OUT/DatasetNNN_NAME`; it appears whole, and stays as it is where it is there already.

    Voxels are those that trials see: turned, resampled and cropped as the data set is. Intensities are those that were
    read, but where they were clipped, so that nnU-Net normalises them by its own rules.

    Args:
        dataset: data set folder.
        out: where nnU-Net looks for raw data (`nnUNet_raw`).
        number: of the data set, 1 to 999.
        progress: called with (cases done, all cases, id of the last).

    Raises:
        UserError: the number or the folder is taken, or names can't be nnU-Net's.
    """
    info = open_info(dataset)
    _check_names(info)
    folder = out / f"Dataset{number:03d}_{fitting_name(re.sub('[^A-Za-z0-9._-]+', '-', info.name), 200)}"
    splits = info.splits
    written = NnunetDataset(folder, number, splits.train_labeled, splits.val, splits.test, splits.train_unlabeled)
    if _is_there(folder, number, info):
        return written
    parts = (
        ("imagesTr", "labelsTr", (*written.train, *written.val)),
        ("imagesTs", "labelsTs", written.test),
        (UNLABELED, None, written.unlabeled),
    )
    total = sum(len(ids) for _, _, ids in parts)
    done = 0
    with replacing_folder(folder) as partial:
        for images, labels, ids in parts:
            for case_id in ids:
                case = open_case(dataset, case_id, with_label=labels is not None)
                _write_case(case, info, partial / images, None if labels is None else partial / labels)
                done += 1
                if progress is not None:
                    progress(done, total, case_id)
        if written.val:
            split = [{"train": list(written.train), "val": list(written.val)}]
            write_file(partial / SPLITS_FILE, json.dumps(split, indent=1) + "\n")
        write_file(partial / "README.md", _readme(written, info))
        write_file(partial / "dataset.json", json.dumps(_description(written, info), indent=1) + "\n")
    return written


def _check_names(info: DatasetInfo) -> None:
    """Refuse classes and cases that nnU-Net would take for something else.

    Raises:
        UserError: with the name.
    """
    for name in info.classes:
        if name.lower() in _OWN_LABELS:
            raise UserError(
                f"The data set '{info.name}' has a class '{name}', which means something else to nnU-Net; prepare it "
                "with other --classes."
            )
    for case_id in info.splits.all():
        if len(f"{case_id}_0000{ENDING}".encode()) > MOST_NAME_BYTES:
            raise UserError(f"The case {case_id[:60]} has too long a name for a file of nnU-Net; prepare it renamed.")
    if not info.splits.train_labeled:
        raise UserError(f"The data set '{info.name}' has no labelled training case, expected one or more.")


def _is_there(folder: Path, number: int, info: DatasetInfo) -> bool:
    """Tell whether the same was written before.

    Raises:
        UserError: something else is there, or another data set has the number.
    """
    if folder.exists():
        try:
            mark = json.loads((folder / "dataset.json").read_text()).get(_MARK)
        except (OSError, ValueError, AttributeError):
            mark = None
        if mark != _mark(info):
            raise UserError(f"{folder} is there and holds something else; move it away, or choose another --out.")
        return True
    for other in sorted(folder.parent.glob(f"Dataset{number:03d}_*")):
        raise UserError(f"nnU-Net knows data sets by number, and {other} has {number} already; give another --number.")
    return False


def _write_case(case: CaseFile, info: DatasetInfo, images: Path, labels: Path | None) -> None:
    affine = _affine(case)
    for channel, voxels in enumerate(_scanner_units(case, info)):
        _write(voxels, affine, images / f"{case.id}_{channel:04d}{ENDING}")
    if labels is not None:
        if case.label is None:
            raise UserError(f"Case {case.id} has no label but needs one; run `simcvd prepare` anew.")
        label = np.where(case.label == IGNORED, len(info.classes) + 1, case.label).astype(np.uint8)
        _write(label, affine, labels / f"{case.id}{ENDING}")


def _scanner_units(case: CaseFile, info: DatasetInfo) -> Array:
    """Undo the normalisation; voxels outside the body, which stayed 0, stay 0."""
    shape = (-1, 1, 1, 1)
    std, mean = (np.reshape(each, shape).astype(np.float32) for each in (case.intensity_std, case.intensity_mean))
    raw: Array = case.image * std + mean
    preprocessing = info.preprocessing
    if preprocessing is not None and preprocessing.normalisation.kind == "z_score_nonzero":
        raw = np.where(case.image == 0, np.float32(0), raw)
    return raw


def _affine(case: CaseFile) -> Array:
    """Return voxel index to mm of the stored voxels; the voxel size of the case counts where its affine has none."""
    affine = np.array(case.affine, np.float64)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(sides, case.spacing_mm, rtol=_SAME):
        affine[:3, :3] *= np.asarray(case.spacing_mm) / sides
    affine[:3, 3] += affine[:3, :3] @ np.asarray(case.crop_start, np.float64)
    return affine


def _write(voxels: Array, affine: Array, path: Path) -> None:
    import nibabel

    make: Any = nibabel.Nifti1Image
    image = make(voxels, affine)
    image.header.set_xyzt_units("mm")
    path.parent.mkdir(exist_ok=True)
    nibabel.save(image, path)


def _mark(info: DatasetInfo) -> dict[str, str]:
    return {"version": __version__, "dataset": info.name, "digest": info.digest}


def _description(written: NnunetDataset, info: DatasetInfo) -> dict[str, Any]:
    """Return what nnU-Net's `dataset.json` says."""
    labels = {"background": 0, **{name: number for number, name in enumerate(info.classes, 1)}}
    if info.ignored:
        labels["ignore"] = len(info.classes) + 1
    return {
        "channel_names": {str(number): name for number, name in enumerate(info.channels)},
        "labels": labels,
        "numTraining": len(written.train) + len(written.val),
        "file_ending": ENDING,
        "name": info.name,
        "description": f"Exported by simcvd {__version__}; unlabelled cases are in {UNLABELED}.",
        _MARK: _mark(info),
    }


def _readme(written: NnunetDataset, info: DatasetInfo) -> str:
    name, number = written.folder.name, written.number
    lines = [
        f"# {name}",
        "",
        f"The data set '{info.name}' as simcvd {__version__} sees it, in the raw layout of nnU-Net (version 2).",
        "",
        f"- `imagesTr`, `labelsTr`: {_count(written.train)} to train on, {_count(written.val)} to validate on.",
        f"- `imagesTs`, `labelsTs`: {_count(written.test)} to test on.",
        f"- `{UNLABELED}`: {_count(written.unlabeled)} without labels. nnU-Net does not look at them.",
        "- Voxels are those that simcvd trains on: turned, resampled and cropped by `simcvd prepare`.",
        "- Intensities are those that `simcvd prepare` read, but where it clipped them.",
        "",
        "With this folder in `$nnUNet_raw`:",
        "",
        "```",
        f"nnUNetv2_plan_and_preprocess -d {number} --verify_dataset_integrity",
    ]
    fold = "all"
    if written.val:
        lines.append(f'cp "$nnUNet_raw/{name}/{SPLITS_FILE}" "$nnUNet_preprocessed/{name}/"')
        fold = "0"
    lines += [f"nnUNetv2_train {number} 3d_fullres {fold}", "```", ""]
    return "\n".join(lines)


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} case{'' if len(ids) == 1 else 's'}"
