"""What is wrong with a case, said before anything is trained on it."""

from typing import Any

import numpy as np

from simcvd.data.readers import Volume
from simcvd.data.store import TrainingView
from simcvd.errors import UserError

Array = np.ndarray[Any, Any]

_GRID_TOLERANCE = 0.1  # of a voxel; headers store single precision


def check_image(image: Array, channels: int | None = None) -> None:
    """Refuse an image `[I, X, Y, Z]` that no network can learn from.

    Raises:
        UserError: wrong number of channels, NaN, infinite or constant voxels.
    """
    if channels is not None and len(image) != channels:
        raise UserError(f"the image has {len(image)} channels, expected {channels}")
    broken = image.size - int(np.isfinite(image).sum())
    if broken:
        raise UserError(f"{broken} voxels of the image are NaN or infinite, expected finite numbers")
    for index, channel in enumerate(image):
        if channel.size == 0 or channel.min() == channel.max():
            name = f"channel {index} of the image" if len(image) > 1 else "the image"
            raise UserError(f"{name} is constant, expected a scan with contrast")


def check_same_grid(image: Volume, label: Volume) -> None:
    """Refuse a label that does not lie on its image's voxels.

    Raises:
        UserError: shapes differ, or a corner of the volume lies elsewhere.
    """
    shape = image.array.shape[-3:]
    if label.array.shape != shape:
        raise UserError(f"the label has shape {_times(label.array.shape)}, expected the image's {_times(shape)}")
    corners = np.array([[x, y, z, 1] for x in (0, shape[0]) for y in (0, shape[1]) for z in (0, shape[2])])
    moved = np.linalg.norm(corners @ (image.affine - label.affine)[:3].T, axis=1).max()
    if moved > _GRID_TOLERANCE * min(image.spacing_mm):
        raise UserError(f"the affines of image and label differ by up to {moved:.3g} mm, expected the same grid")


def check_label(label: Array, classes: int) -> Array:
    """Return the label as uint8 `[X, Y, Z]`.

    Args:
        label: class ids in any number type.
        classes: K, the number of foreground classes.

    Raises:
        UserError: values that are no integers, or outside 0 to K.
    """
    values = label_values(label)
    foreign = [value for value in values if not 0 <= value <= classes]
    if foreign:
        shown = ", ".join(map(str, foreign[:5]))
        raise UserError(f"the label holds {shown}, expected 0 (background) to {classes} (the last class)")
    return label.astype(np.uint8)


def label_values(label: Array) -> list[int]:
    """Return the distinct values of a label.

    Raises:
        UserError: values that are no integers.
    """
    if label.dtype.kind == "f":
        fractional = label[~(label == np.rint(label)) | np.isinf(label)]
        if fractional.size:
            raise UserError(f"the label holds {fractional.flat[0]:g}, which is no integer, expected class ids")
    elif label.dtype == np.uint8:
        return [int(value) for value in np.flatnonzero(np.bincount(label.reshape(-1), minlength=256))]
    return [int(value) for value in np.unique(label)]


def crop_notice(view: TrainingView, crop_vox: tuple[int, int, int]) -> str | None:
    """Say that the crop exceeds every training case along some axis, so that crops are padded; none if it does not."""
    shapes = [case.image.shape[-3:] for case in (*view.labeled, *view.unlabeled)]
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


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
