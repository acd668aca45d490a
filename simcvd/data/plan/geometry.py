"""Crop and strides: how much of a scan a step sees, and how the V-Net makes it smaller."""

import math

from simcvd.config.types import Strides, Vox3
from simcvd.data.dataset_info import Shape
from simcvd.data.plan.choice import Choice, Value, gigabytes, times
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.networks.memory import vnet_memory

BUDGET_BYTES = 11 * 10**9
"""What a step may take: the memory of the cards that the field's public code was trained on."""
LEAST_SIDE = 4
"""Voxels of a side that is left after halving; a convolution of 3 voxels sees little of less."""
THICK = 2.0
"""Voxels this many times as long as those of the other axes are not made longer yet."""
PLANNED_WIDTH = 16
PLANNED_CROPS = 4
"""Crops a step that a crop is planned for: 2 labelled and 2 unlabelled ones, as in the paper."""
_NETWORKS = 2
"""Networks that the hungriest method, CPS, trains at a time."""


def strides_for(crop_vox: Shape, spacing_mm: tuple[float, float, float]) -> Strides:
    """Return the strides of the four ways down.

    An axis is halved while 4 voxels or more are left and its voxels are at most twice as long as those of any other
    axis that can still be halved.

    >>> strides_for((256, 256, 12), (0.7, 0.7, 8.0))
    ((2, 2, 1), (2, 2, 1), (2, 2, 1), (2, 2, 2))
    """
    sides, lengths, found = list(crop_vox), list(spacing_mm), []
    for _ in range(4):
        possible = [axis for axis in range(3) if sides[axis] // 2 >= LEAST_SIDE]
        shortest = min((lengths[axis] for axis in possible), default=0.0)
        x, y, z = (2 if axis in possible and lengths[axis] <= THICK * shortest else 1 for axis in range(3))
        found.append((x, y, z))
        sides = [side // step for side, step in zip(sides, (x, y, z), strict=True)]
        lengths = [length * step for length, step in zip(lengths, (x, y, z), strict=True)]
    first, second, third, fourth = found
    return first, second, third, fourth


def multiples_of(strides: Strides) -> Vox3:
    """Return by what strides divide each side."""
    x, y, z = (math.prod(step[axis] for step in strides) for axis in range(3))
    return x, y, z


def step_bytes(crop_vox: Shape, strides: Strides, found: Fingerprint, width: int, crops: int) -> int:
    """Return what a step of the hungriest method takes in float32: two networks trained at a time."""
    memory = vnet_memory(crop_vox, strides, width, found.channels, 1 + 2 * found.classes)
    return crops * (_NETWORKS * memory.kept + memory.backward) + _NETWORKS * 4 * memory.weights


def plan_crop(found: Fingerprint) -> Vox3:
    """Return the largest crop inside the median case that memory and strides allow, close to a cube in millimetres.

    Where memory is short, the longest axes give way first; those where a crop would no longer hold the largest class
    come last.
    """
    crop = _divisible(found.median_shape, found.spacing_mm)
    while step_bytes(crop, strides_for(crop, found.spacing_mm), found, PLANNED_WIDTH, PLANNED_CROPS) > BUDGET_BYTES:
        multiples = multiples_of(strides_for(crop, found.spacing_mm))
        possible = [axis for axis in range(3) if crop[axis] >= 2 * multiples[axis]]
        if not possible:
            break
        holding = [axis for axis in possible if crop[axis] - multiples[axis] >= found.largest_extent[axis]]
        lengths = {axis: crop[axis] * found.spacing_mm[axis] for axis in holding or possible}
        longest = max(lengths.values())
        giving = {axis for axis, length in lengths.items() if length > longest * (1 - 1e-6)}
        x, y, z = (crop[axis] - multiples[axis] * (axis in giving) for axis in range(3))
        crop = _divisible((x, y, z), found.spacing_mm)
    return crop


def crop_choice(found: Fingerprint, crop_vox: Vox3) -> Choice:
    """Say why a crop was planned."""
    median, strides = found.median_shape, strides_for(crop_vox, found.spacing_mm)
    taken = step_bytes(crop_vox, strides, found, PLANNED_WIDTH, PLANNED_CROPS)
    whole = crop_vox == _divisible(median, found.spacing_mm)
    which = "the largest crop inside it" if whole else "what memory allows of it, close to a cube in mm,"
    why = (
        f"The median training case has {times(median)} voxels; this is {which} whose sides are multiples of "
        f"{times(multiples_of(strides))} (see strides). With {PLANNED_CROPS} crops of it at width {PLANNED_WIDTH}, a "
        f"step of the hungriest method takes about {gigabytes(taken)} in float32 of the {gigabytes(BUDGET_BYTES)} that "
        "a plan may take."
    )
    extent = found.largest_extent
    if any(extent):
        holds = all(side >= least for side, least in zip(crop_vox, extent, strict=True))
        why += f" The classes extend over up to {times(extent)} voxels, which it {'holds' if holds else 'cuts'}."
    return Choice("data.crop_vox", list(crop_vox), why)


def strides_choice(found: Fingerprint, crop_vox: Vox3) -> Choice:
    """Say why strides were planned."""
    strides = strides_for(crop_vox, found.spacing_mm)
    value: Value = [list(step) for step in strides]
    left = tuple(side // divisor for side, divisor in zip(crop_vox, multiples_of(strides), strict=True))
    spacing = " x ".join(f"{length:.3g}" for length in found.spacing_mm)
    return Choice(
        "network.strides",
        value,
        f"Voxels have {spacing} mm. An axis is halved while {LEAST_SIDE} voxels or more are left of the crop, and not "
        f"while its voxels are more than {THICK:g} times as long as others; the deepest map has {times(left)} voxels.",
    )


def _divisible(shape: Shape, spacing_mm: tuple[float, float, float]) -> Vox3:
    """Return the largest shape inside that its own strides divide."""
    multiples = multiples_of(strides_for(shape, spacing_mm))
    x, y, z = (side - side % multiple for side, multiple in zip(shape, multiples, strict=True))
    return x, y, z
