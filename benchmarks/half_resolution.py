"""Make a data set with half as many voxels along each axis from a prepared one, so that a CPU can train on it in hours.

    python benchmarks/half_resolution.py la la_half

Images are averaged over blocks of 2 x 2 x 2 voxels. A label's voxel gets the value that most of its block has, the
larger one of equally many: so a block that is half object is object. A last voxel without a neighbour is left out.
Splits, names and order stay.

`half_resolution.yaml` is the sweep on it: five methods with the settings of the preset `la`, crops of 48 x 48 x 32.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcvd.data.store import Grid, Origin, build_info, open_case, open_info, write_case, write_info

BLOCK = 2

Volume = NDArray[Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a prepared data set")
    parser.add_argument("target", type=Path, help="a new folder")
    arguments = parser.parse_args()
    halve(arguments.dataset, arguments.target)


def halve(dataset: Path, target: Path) -> None:
    """Write the data set in half resolution.

    Args:
        dataset: a prepared data set.
        target: folder of the new one.
    """
    if target.exists():
        raise SystemExit(f"{target} is there already; choose a new folder.")
    info = open_info(dataset)
    digests = {}
    for case_id in info.splits.all():
        case = open_case(dataset, case_id, with_label=case_id in info.with_label)
        image = averaged(np.asarray(case.image))
        label = None if case.label is None else most_frequent(np.asarray(case.label))
        affine = case.affine @ np.diag([BLOCK, BLOCK, BLOCK, 1.0])
        affine[:3, 3] = (case.affine @ [*(np.array(case.crop_start) + (BLOCK - 1) / 2), 1.0])[:3]  # a block's middle
        grid = Grid([BLOCK * side for side in case.spacing_mm], affine, image.shape[1:])
        digests[case_id] = write_case(target, case_id, image, label, grid, classes=len(info.classes))
    made = build_info(
        target,
        name=f"{info.name}-half",
        channels=info.channels,
        classes=info.classes,
        splits=info.splits,
        train_order=info.train_order,
        digests=digests,
        origin=Origin(
            f"{info.source}; averaged over blocks of 2 x 2 x 2 voxels",
            normalisation="as_is",
            label_guided_crop=info.label_guided_crop,
            preset=info.preset,
            ignored=info.ignored,
            groups=info.groups,
        ),
    )
    write_info(target, made)
    print(f"{target}: {len(digests)} cases with voxels of {' x '.join(f'{side:g}' for side in made.spacing_mm)} mm")


def averaged(image: Volume) -> NDArray[np.float32]:
    """Return the mean over blocks of an image `[I, X, Y, Z]`."""
    return _blocks(image).mean(axis=-1, dtype=np.float64).astype(np.float32)


def most_frequent(label: Volume) -> NDArray[np.uint8]:
    """Return the most frequent value in each block of a label `[X, Y, Z]`, the largest of equally frequent ones."""
    blocks = _blocks(label)
    values = np.unique(label)[::-1]  # the first of equal counts is taken
    counts = np.stack([(blocks == value).sum(axis=-1) for value in values])
    return values[counts.argmax(axis=0)].astype(np.uint8)


def _blocks(volume: Volume) -> Volume:
    """Return the voxels of each block: `[..., X, Y, Z]` to `[..., X/2, Y/2, Z/2, 8]`."""
    *before, x, y, z = volume.shape
    half = [side // BLOCK for side in (x, y, z)]
    even = volume[..., : half[0] * BLOCK, : half[1] * BLOCK, : half[2] * BLOCK]
    split = even.reshape(*before, half[0], BLOCK, half[1], BLOCK, half[2], BLOCK)
    first = len(before)
    return np.moveaxis(split, (first + 1, first + 3, first + 5), (-3, -2, -1)).reshape(*before, *half, BLOCK**3)


if __name__ == "__main__":
    main()
