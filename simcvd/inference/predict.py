"""Segment images with a trial's student, each into a mask in the image's own space and format."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simcvd.data.checks import check_image
from simcvd.data.readers import read_hdf5, read_nifti, read_nrrd
from simcvd.errors import UserError
from simcvd.inference.fusion import for_inference
from simcvd.inference.mask_file import image_format, make_folder, write_mask_like
from simcvd.inference.sliding_window import Autocast, segment
from simcvd.inference.weights import Student, load_student

_READERS = {"nifti": read_nifti, "nrrd": read_nrrd, "hdf5": read_hdf5}
_LARGEST_NORMALISED = 10.0
"""Largest mean or standard deviation of an image that can pass for normalised."""


def predict_files(
    trial_dir: Path,
    images: Sequence[Path],
    out: Path,
    device: torch.device,
    precision: Callable[[Student], Autocast] = lambda student: nullcontext,
    *,
    on_image: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Segment image files.

    NIfTI and NRRD images are brought to zero mean and unit variance over the whole volume, channel by channel; HDF5
    images (data set `image`, the field's pre-processed form) are taken as they are. A mask has its image's file name,
    preceded by its folder's name where several images share one.

    Args:
        trial_dir: a finished trial.
        images: `.nii`, `.nii.gz`, `.nrrd`, `.h5` or `.hdf5` files; a NIfTI image's fourth axis holds channels.
        out: folder for the masks.
        device: where the network runs.
        precision: returns for a student what makes the context in which the network runs.
        on_image: is told each mask written.

    Returns:
        The masks' paths, in the order of `images`.

    Raises:
        UserError: no finished trial, an unreadable or unfit image, or a mask that would replace an image.
    """
    student = load_student(trial_dir)
    targets = _targets(images, out)
    make_folder(out)
    network = for_inference(student.network).to(device)
    context = precision(student)
    for source, target in zip(images, targets, strict=True):
        mask = segment(
            network,
            _read(source, student.image_channels),
            student.config.data.crop_vox,
            student.config.inference.stride_vox,
            device=device,
            batch_windows=student.config.inference.batch_windows,
            precision=context,
        )
        write_mask_like(source, mask, target)
        if on_image is not None:
            on_image(target)
    return targets


def _targets(images: Sequence[Path], out: Path) -> list[Path]:
    """Name the masks, before any image is read."""
    for path in images:
        image_format(path)
        if not path.is_file():
            raise UserError(f"There is no image {path}.")
    shared = Counter(path.name for path in images)
    names = [path.name if shared[path.name] == 1 else f"{path.resolve().parent.name}_{path.name}" for path in images]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"Several images would become the mask {twice[0]}; predict them into folders of their own.")
    targets = [out / name for name in names]
    sources = {path.resolve() for path in images}
    for target in targets:
        if target.resolve() in sources:
            raise UserError(f"The mask {target} would replace an image; choose another folder for the masks.")
    return targets


def _read(path: Path, channels: int) -> NDArray[np.float32]:
    """Return the image `[I, X, Y, Z]`, normalised as in preparation."""
    kind = image_format(path)
    array: NDArray[Any] = _READERS[kind](path).array
    image = array if array.ndim == 4 else array[np.newaxis]
    if len(image) != channels:
        raise UserError(f"{path} has {len(image)} channels, but the trial was trained on {channels}; give such images.")
    try:
        check_image(image)
    except UserError as error:
        raise UserError(f"{path} can't be segmented: {str(error).rstrip('.')}.") from error
    if kind != "hdf5":
        means, stds = (getattr(image, name)(axis=(1, 2, 3), dtype=np.float64) for name in ("mean", "std"))
        return np.stack(
            [(c - float(m)) / float(s) for c, m, s in zip(image, means, stds, strict=True)], dtype=np.float32
        )
    mean, std = image.mean(dtype=np.float64), image.std(dtype=np.float64)
    if abs(mean) > _LARGEST_NORMALISED or std > _LARGEST_NORMALISED:
        raise UserError(
            f"{path} has mean {mean:.3g} and standard deviation {std:.3g}, but HDF5 images are taken as they "
            "are and must be normalised; normalise it, or give the scan as NIfTI or NRRD."
        )
    return image.astype(np.float32)
