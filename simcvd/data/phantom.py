"""The built-in data set: synthetic scans with one target among distractors, made on the spot.

A scan holds one random smooth object. Around it lie distractors of like brightness that differ in size (small lumps),
shape (a tube) or texture (a smooth lump of like size). Contrast, texture, bias field, blur and noise vary from scan to
scan. The labelled scans are the clear ones, as people like to label those; the others, validation and test among them,
have more noise. So what labels alone teach does not carry over well, and unlabelled scans are worth something.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.data.dataset_info import FILE_NAME, DatasetInfo, Splits, open_info, write_info
from simcvd.data.store import Grid, Origin, build_info, write_case
from simcvd.errors import UserError

Array = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]

PHANTOM = "phantom"
"""Name of the set."""
_DRAWING = 1  # raise it when a seed gives other scans, so that a set made earlier is not taken for the new one
CLASSES = ("object", "core")
CLEAR = (0.1, 0.25)
NOISY = (0.2, 0.8)
"""Range of the noise's standard deviation in labelled scans and in all others; the object's contrast is 1 to 2.5."""


def make_phantom(
    generator: np.random.Generator,
    shape: Shape = (40, 40, 40),
    classes: int = 1,
    noise: tuple[float, float] = NOISY,
) -> tuple[Array, Any]:
    """Draw one scan and its label.

    Args:
        generator: where all randomness comes from.
        shape: X, Y, Z in voxels, each 16 or more.
        classes: 1 (object) or 2 (object with a core, label 2, that is the third of it farthest inside).
        noise: smallest and largest standard deviation of the noise.

    Returns:
        image: float32 `[X, Y, Z]`, mean 0 and variance 1.
        label: uint8 `[X, Y, Z]`, 0 is background; the object is one piece.

    Raises:
        ValueError: a side below 16, or another number of classes.
    """
    if min(shape) < 16 or classes not in (1, 2):
        raise ValueError(f"A phantom of shape {shape} with {classes} classes; expected sides of 16 or more, 1 or 2.")
    side = min(shape)
    middle = np.array(shape) / 2
    depth = _lump(generator, shape, middle + side * generator.uniform(-0.15, 0.15, 3), side * 0.2, roughness=0.18)
    target = _largest_piece(depth > 0)
    near = ndimage.binary_dilation(target, iterations=2)

    lumps = np.zeros(shape, dtype=bool)
    for _ in range(generator.integers(3, 6)):
        lumps |= _lump(generator, shape, generator.uniform(0.1, 0.9, 3) * shape, side * 0.09, roughness=0.1) > 0
    tube = _tube(generator, shape, radius=side * generator.uniform(0.05, 0.08))
    away = middle + side * _direction(generator) * generator.uniform(0.35, 0.5)
    smooth = _lump(generator, shape, away, side * 0.17, roughness=0.18) > 0

    contrast = generator.uniform(1.0, 2.5)
    grain = _noise(generator, shape, 1.2) * contrast * generator.uniform(0.35, 0.55)
    image = _noise(generator, shape, side * 0.1) * generator.uniform(0.2, 0.5)
    for mask, textured in ((smooth, False), (tube, True), (lumps, True)):
        place = mask & ~near
        brightness = contrast * generator.uniform(0.85, 1.15)
        image[place] = brightness + (grain[place] if textured else 0.0)
    image[target] = contrast + grain[target]
    label = target.astype(np.uint8)
    if classes == 2:
        core = target & (depth >= np.quantile(depth[target], 2 / 3))
        image[core] += contrast * generator.uniform(0.3, 0.6)
        label[core] = 2

    image = ndimage.gaussian_filter(image, generator.uniform(0.4, 0.8))
    image *= np.exp(_noise(generator, shape, side * 0.4) * generator.uniform(0.05, 0.25))
    image += generator.normal(size=shape) * generator.uniform(*noise)
    return ((image - image.mean()) / image.std()).astype(np.float32), label


def write_phantom(
    folder: Path,
    labeled: int = 4,
    unlabeled: int = 12,
    val: int = 4,
    test: int = 12,
    shape: Shape = (40, 40, 40),
    seed: int = 0,
    classes: int = 1,
) -> DatasetInfo:
    """Write the phantom data set, or keep it where the same one is there already.

    Every case has a label on disk, so that `data.labeled` may be raised; unlabelled cases are still opened without.

    Args:
        folder: the data set folder.
        labeled: labelled training cases.
        unlabeled: unlabelled training cases.
        val: validation cases.
        test: test cases.
        shape: X, Y, Z of every case in voxels.
        seed: a case is drawn from it, the case's number and whether it is labelled.
        classes: see `make_phantom`.

    Raises:
        UserError: another data set is in the folder.
    """
    folder = Path(folder)
    sides = "x".join(map(str, shape))
    source = (
        f"synthetic: {labeled} labelled, {unlabeled} unlabelled, {val} validation and {test} test cases of {sides} "
        f"voxels, {classes} classes, seed {seed}, drawing {_DRAWING}"
    )
    if (folder / FILE_NAME).exists():
        present = open_info(folder)
        if present.source != source:
            raise UserError(f"{folder} holds another data set ({present.name}, {present.source}); choose a new folder.")
        return present
    ids = [f"phantom_{number:03d}" for number in range(labeled + unlabeled + val + test)]
    digests = {}
    for number, case_id in enumerate(ids):
        image, label = make_phantom(
            np.random.default_rng([seed, number]), shape, classes, CLEAR if number < labeled else NOISY
        )
        digests[case_id] = write_case(
            folder, case_id, image, label, Grid((1.0, 1.0, 1.0), np.eye(4), shape), classes=classes
        )
    train = labeled + unlabeled
    info = build_info(
        folder,
        name=PHANTOM,
        channels=("intensity",),
        classes=CLASSES[:classes],
        splits=Splits(
            train_labeled=tuple(ids[:labeled]),
            train_unlabeled=tuple(ids[labeled:train]),
            val=tuple(ids[train : train + val]),
            test=tuple(ids[train + val :]),
        ),
        train_order=ids[:train],
        digests=digests,
        origin=Origin(source, preset="phantom"),
    )
    write_info(folder, info)
    return info


def _noise(generator: np.random.Generator, shape: Shape, sigma: float) -> Array:
    """Return smooth noise of mean 0 and variance 1; `sigma` is its scale in voxels."""
    field = ndimage.gaussian_filter(generator.normal(size=shape), sigma, mode="reflect")
    return np.asarray((field - field.mean()) / field.std())


def _lump(generator: np.random.Generator, shape: Shape, centre: Array, radius: float, roughness: float) -> Array:
    """Return a level set, positive inside a turned ellipsoid with a smoothly dented surface, 1 at its centre."""
    radii = radius * generator.uniform(0.7, 1.4, 3)
    turned = np.tensordot(_rotation(generator), _offsets(shape, centre), 1)
    distance = np.sqrt(((turned / radii[:, None, None, None]) ** 2).sum(0))
    return np.asarray(1 - distance * (1 + roughness * np.clip(_noise(generator, shape, radius * 0.6), -2, 2)))


def _tube(generator: np.random.Generator, shape: Shape, radius: float) -> NDArray[np.bool_]:
    """Return a bent tube that crosses the scan along one axis."""
    along, *across = generator.permutation(3)
    offsets = _offsets(shape, np.zeros(3))
    way = offsets[along] / shape[along]
    squared = np.zeros(shape)
    for axis in across:
        start, amplitude, phase = generator.uniform((0.15, 0.05, 0), (0.85, 0.15, 2 * np.pi))
        squared += (offsets[axis] - shape[axis] * (start + amplitude * np.sin(2 * np.pi * way + phase))) ** 2
    return np.asarray(squared < radius**2)


def _offsets(shape: Shape, centre: Array) -> Array:
    return np.indices(shape, dtype=np.float64) - centre[:, None, None, None]


def _direction(generator: np.random.Generator) -> Array:
    vector = generator.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))


def _rotation(generator: np.random.Generator) -> Array:
    """Return a random rotation from a unit quaternion."""
    w, x, y, z = (q := generator.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, _ = ndimage.label(mask)
    return np.asarray(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)
