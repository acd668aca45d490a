"""An image whose channels are in one file, or in a file each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simcvd.data.checks import check_same_grid
from simcvd.errors import UserError
from simcvd.scans.formats import read_scan
from simcvd.scans.volume import Volume


def read_channels(files: Sequence[Path]) -> Volume:
    """Read an image.

    Args:
        files: one with all channels, or one for each channel, in their order.

    Raises:
        UserError: a file that can't be read, files on different grids, or one of several that holds several channels.
    """
    first = read_scan(files[0])
    if len(files) == 1:
        return first
    arrays = [first.array]
    for path in files[1:]:
        channel = read_scan(path)
        check_same_grid(first, channel, f"channel {path}")
        arrays.append(channel.array)
    if first.array.ndim != 3:
        raise UserError(f"{files[0]} holds {len(first.array)} channels, expected one, since each has a file.")
    return Volume(np.stack(arrays), first.affine, first.spacing_mm, first.located)
