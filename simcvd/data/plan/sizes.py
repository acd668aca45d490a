"""Width, batches, windows and pooling: how much is computed on crops of a size."""

import math
from collections.abc import Sequence

from simcvd.config.types import Vox3
from simcvd.data.plan.choice import Choice, counted, times
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.geometry import PLANNED_WIDTH

PAPER_CROP_VOX = 112 * 112 * 80
TINY_CROP_VOX = 2**14
"""Up to 25 x 25 x 25 voxels; batch norm and the Dice loss are noisy on fewer."""
_BATCH, _MOST_BATCH = 2, 8
_MOST_WINDOWS = 16
_LEAST_POOL, _MOST_POOL = 8, 128


def width_choice() -> Choice:
    """Plan the channels of the first level."""
    return Choice(
        "network.width",
        PLANNED_WIDTH,
        "The paper's, whatever the crop: half of it cost 3 points of Dice on hippocampus, 0.77 in place of 0.80, and "
        "saved a quarter of the time.",
    )


def batch_choices(found: Fingerprint, crop_vox: Vox3) -> tuple[Choice, Choice]:
    """Plan the labelled and the unlabelled crops of a step."""
    voxels = math.prod(crop_vox)
    size = _BATCH
    while size * voxels < _BATCH * TINY_CROP_VOX and size < _MOST_BATCH:
        size *= 2
    labeled = max(_BATCH, min(size, found.labeled))
    if size == _BATCH:
        why = f"The paper's; a crop has {voxels:,} voxels, no fewer than {TINY_CROP_VOX:,}."
    else:
        why = f"A crop has {voxels:,} voxels; {size} of them have what batch norm and the Dice loss need."
    fewer = "" if labeled == size else f" No more than there are labelled cases, {found.labeled}."
    return Choice("training.batch_labeled", labeled, why + fewer), Choice("training.batch_unlabeled", size, why)


def stride_choice(found: Fingerprint, crop_vox: Vox3) -> Choice:
    """Plan the steps of the sliding window."""
    x, y, z = (max(1, side // 2) for side in crop_vox)
    windows = windows_of(found.median_shape, crop_vox, (x, y, z))
    return Choice(
        "inference.stride_vox",
        [x, y, z],
        "Half a crop, so that no voxel is seen at the edge of a window alone; the median case takes "
        f"{counted(windows)}.",
    )


def window_batch_choice(found: Fingerprint, crop_vox: Vox3, stride_vox: Sequence[int]) -> Choice:
    """Plan the windows of a forward pass."""
    windows = windows_of(found.median_shape, crop_vox, stride_vox)
    size, most = 1, 4 * PAPER_CROP_VOX // math.prod(crop_vox)
    while 2 * size <= min(most, _MOST_WINDOWS, windows):
        size *= 2
    return Choice(
        "inference.batch_windows",
        size,
        f"At most {_MOST_WINDOWS}, no more voxels than the paper's 4 windows of 112 x 112 x 80 have, and no more "
        f"windows than the median case takes: {windows:,}.",
    )


def pool_choice(crop_vox: Vox3) -> Choice:
    """Plan the side to which the projection head pools a slice."""
    side = min(crop_vox[:2])
    size = 2 ** round(math.log2(side)) if side > 1 else 1
    size = min(max(size, _LEAST_POOL), _MOST_POOL)
    return Choice(
        "projection.pool_size",
        size,
        f"The power of two next to the shorter side of a slice of {times(crop_vox[:2])} voxels; the paper has 128 for "
        "112 x 112.",
    )


def windows_of(shape: Sequence[int], crop_vox: Sequence[int], stride_vox: Sequence[int]) -> int:
    """Return how many windows a case takes.

    >>> windows_of((35, 50, 35), (32, 48, 32), (16, 24, 16))
    8
    """
    axes = zip(shape, crop_vox, stride_vox, strict=True)
    return math.prod(1 + max(0, -(-(side - crop) // stride)) for side, crop, stride in axes)
