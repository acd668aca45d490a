"""Segment a whole volume window by window (sec. IV)."""

import math
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from numpy.typing import NDArray
from torch import Tensor, nn

Vox3 = tuple[int, int, int]
Box = tuple[slice, slice, slice]
Autocast = Callable[[], AbstractContextManager[object]]
Image = NDArray[Any] | Tensor


def window_starts(shape: Sequence[int], crop_vox: Vox3, stride_vox: Vox3) -> list[Vox3]:
    """Place windows on a grid, the last one of each axis moved back to the border, so that they cover every voxel.

    >>> window_starts((10, 4, 4), (4, 4, 4), (4, 4, 4))
    [(0, 0, 0), (4, 0, 0), (6, 0, 0)]

    Args:
        shape: voxels of the volume along X, Y and Z.
        crop_vox: voxels of a window.
        stride_vox: voxels from one window to the next.

    Raises:
        ValueError: the volume is smaller than a window, or a stride leaves voxels uncovered.
    """
    return list(product(*_starts_by_axis(shape, crop_vox, stride_vox)))  # type: ignore[arg-type]


@torch.no_grad()
def segment(
    network: nn.Module,
    image: Image,
    crop_vox: Vox3,
    stride_vox: Vox3,
    *,
    device: torch.device,
    batch_windows: int = 1,
    precision: Autocast = nullcontext,
) -> NDArray[np.uint8]:
    """Return the class of highest mean probability for each voxel, `[X, Y, Z]`; no post-processing.

    The arguments are those of `window_sums`.

    Raises:
        ValueError: as `window_sums` does.
    """
    sums = window_sums(
        network, image, crop_vox, stride_vox, device=device, batch_windows=batch_windows, precision=precision
    )
    return highest(sums)


def highest(sums: Tensor) -> NDArray[np.uint8]:
    """Return each voxel's class of highest sum; its sums have one number of windows or networks, so of highest mean."""
    labels: NDArray[np.uint8] = sums.argmax(0).to(torch.uint8).cpu().numpy()
    return labels


def mean_probabilities(sums: Tensor) -> Tensor:
    """Return the mean probability of each class over what was summed at a voxel, in place of the sums."""
    return sums.div_(sums.sum(0, keepdim=True))


@torch.no_grad()
def window_sums(
    network: nn.Module,
    image: Image,
    crop_vox: Vox3,
    stride_vox: Vox3,
    *,
    device: torch.device,
    batch_windows: int = 1,
    precision: Autocast = nullcontext,
) -> Tensor:
    """Return each class's probability, summed over all windows that see a voxel, `[C, X, Y, Z]`.

    A volume smaller than a window is padded with 0, half on each side, and the result cropped back. Of windows that
    hold one and the same value everywhere, as outside the body, the network sees one alone: its answer is theirs.

    Args:
        network: maps `[B, I, *crop]` to logits `[B, C, *crop]`; on `device`, in eval mode.
        image: `[I, X, Y, Z]`, normalised.
        crop_vox: voxels of a window.
        stride_vox: voxels from one window to the next.
        device: where to compute; sums stay there, in float32.
        batch_windows: windows a forward pass.
        precision: makes the context in which the network runs.

    Raises:
        ValueError: `image` is not `[I, X, Y, Z]`, or the stride exceeds the window.
    """
    if image.ndim != 4:
        raise ValueError(f"image has shape {tuple(image.shape)}, expected [I, X, Y, Z]")
    # A copy, because memory maps are read-only and torch wants writable memory.
    whole = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image, dtype=np.float32))
    whole, box = _pad(whole.to(device, torch.float32), crop_vox)
    alike = _equal_windows(whole, crop_vox, stride_vox)
    sums: Tensor | None = None
    for first in range(0, len(alike), batch_windows):
        batch = alike[first : first + batch_windows]
        crops = torch.stack([whole[(slice(None), *places[0])] for places in batch])
        with precision():
            logits = network(crops.contiguous(memory_format=torch.channels_last_3d))
        probs = logits.softmax(1, dtype=torch.float32)
        if sums is None:
            sums = torch.zeros((probs.shape[1], *whole.shape[1:]), device=device)
        for places, window in zip(batch, probs, strict=True):
            for place in places:
                sums[(slice(None), *place)] += window
    assert sums is not None
    return sums[(slice(None), *box)]


def _equal_windows(whole: Tensor, crop_vox: Vox3, stride_vox: Vox3) -> list[list[Box]]:
    """Return the windows over `[I, X, Y, Z]`, those that hold the same single value in every channel together."""
    by_axis = _starts_by_axis(whole.shape[1:], crop_vox, stride_vox)
    least = greatest = whole
    for axis, (starts, side) in enumerate(zip(by_axis, crop_vox, strict=True), start=1):
        least = torch.stack([least.narrow(axis, start, side).amin(axis) for start in starts], axis)
        greatest = torch.stack([greatest.narrow(axis, start, side).amax(axis) for start in starts], axis)
    uniform = (least == greatest).all(0).flatten().tolist()
    values = least.flatten(1).t().tolist()
    alike: dict[Hashable, list[Box]] = {}
    for number, (x, y, z) in enumerate(product(*by_axis)):
        box = slice(x, x + crop_vox[0]), slice(y, y + crop_vox[1]), slice(z, z + crop_vox[2])
        alike.setdefault(tuple(values[number]) if uniform[number] else number, []).append(box)
    return list(alike.values())


def _starts_by_axis(shape: Sequence[int], crop_vox: Vox3, stride_vox: Vox3) -> list[list[int]]:
    return [_axis_starts(*axis) for axis in zip(shape, crop_vox, stride_vox, strict=True)]


def _axis_starts(side: int, crop: int, stride: int) -> list[int]:
    if side < crop or not 0 < stride <= crop:
        raise ValueError(f"windows of {crop} voxels every {stride} do not cover a side of {side}")
    return [min(stride * step, side - crop) for step in range(math.ceil((side - crop) / stride) + 1)]


def _pad(image: Tensor, crop_vox: Vox3) -> tuple[Tensor, tuple[slice, ...]]:
    shape = image.shape[1:]
    missing = [max(crop - side, 0) for side, crop in zip(shape, crop_vox, strict=True)]
    sides = [side for total in reversed(missing) for side in (total // 2, total - total // 2)]
    box = tuple(slice(total // 2, total // 2 + side) for side, total in zip(shape, missing, strict=True))
    return (F.pad(image, sides) if any(missing) else image), box
