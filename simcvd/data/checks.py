"""What is wrong with a case, said before anything is trained on it."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from simcvd.config.settings import DataConfig
from simcvd.data.store import DatasetInfo, TrainingView
from simcvd.errors import UserError
from simcvd.scans.volume import Volume

Array = np.ndarray[Any, Any]

_GRID_TOLERANCE = 0.1  # of a voxel; headers store single precision
_LARGEST = float(np.finfo(np.float32).max) / 4  # so that differences stay finite


def check_image(image: Array, channels: int | None = None) -> None:
    """Refuse an image `[I, X, Y, Z]` that no network can learn from.

    Raises:
        UserError: wrong number of channels, NaN, infinite or constant voxels, or numbers beyond single precision.
    """
    if channels is not None and len(image) != channels:
        raise UserError(f"the image has {len(image)} channels, expected {channels}")
    broken = image.size - int(np.isfinite(image).sum()) if image.dtype.kind == "f" else 0
    if broken:
        raise UserError(f"{broken} voxels of the image are NaN or infinite, expected finite numbers")
    for index, channel in enumerate(image):
        name = f"channel {index} of the image" if len(image) > 1 else "the image"
        least, largest = (channel.min(), channel.max()) if channel.size else (0, 0)
        if least == largest:
            raise UserError(f"{name} is constant, expected a scan with contrast")
        if max(-float(least), float(largest)) > _LARGEST:
            raise UserError(f"{name} holds {least:.3g} to {largest:.3g}, expected numbers within single precision")


def check_same_grid(image: Volume, label: Volume, name: str = "label") -> None:
    """Refuse a label, or another channel, that does not lie on its image's voxels.

    Raises:
        UserError: shapes differ, or a corner of the volume lies elsewhere.
    """
    shape = image.array.shape[-3:]
    if label.array.ndim == 4:
        raise UserError(f"the {name} has {len(label.array)} channels, expected one number a voxel")
    if label.array.shape != shape:
        raise UserError(f"the {name} has shape {_times(label.array.shape)}, expected the image's {_times(shape)}")
    corners = np.array([[x, y, z, 1] for x in (0, shape[0]) for y in (0, shape[1]) for z in (0, shape[2])])
    moved = np.linalg.norm(corners @ (image.affine - label.affine)[:3].T, axis=1).max()
    if moved > _GRID_TOLERANCE * min(image.spacing_mm):
        raise UserError(f"the affines of image and {name} differ by up to {moved:.3g} mm, expected the same grid")


def crop_notice(info: DatasetInfo, crop_vox: tuple[int, int, int], cases: Iterable[str] | None = None) -> str | None:
    """Say that the crop exceeds every training case along some axis, so that crops are padded; none if it does not.

    Args:
        info: the data set.
        crop_vox: sides of the crop in voxels.
        cases: ids of the training cases; none takes the data set's own.
    """
    shapes = [info.shapes[case_id] for case_id in (info.train_order if cases is None else cases)]
    largest = tuple(max(shape[axis] for shape in shapes) for axis in range(3))
    exceeding = [name for name, crop, case in zip("XYZ", crop_vox, largest, strict=True) if crop > case]
    if not exceeding:
        return None
    return (
        f"The crop of {_times(crop_vox)} voxels exceeds every training case along {' and '.join(exceeding)} (the "
        f"largest sides are {_times(largest)}), so every crop is padded there; a smaller data.crop_vox computes less."
    )


def unlabeled_notice(view: TrainingView) -> str | None:
    """Say that no training case is left unlabelled; none if one is. For methods that read unlabelled crops."""
    if view.unlabeled:
        return None
    return (
        f"All {len(view.labeled)} training cases are labelled, so unlabelled crops come from them too, without their "
        "labels; a smaller data.labeled leaves some unlabelled."
    )


def train_on_val_notice(info: DatasetInfo, data: DataConfig) -> str | None:
    """Say that there are no val cases that `data.train_on_val` could add; none where there are, or it is not asked."""
    if not data.train_on_val or info.splits.val:
        return None
    return (
        f"data.train_on_val is set, but '{info.name}' has no val cases, so no case is added; the training is the same "
        "without it."
    )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
