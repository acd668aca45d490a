"""The tests' data set has cases of 8 x 8 x 8 voxels, smaller than any crop, which commands tell."""

from collections.abc import Sequence


def without_crops(notices: Sequence[str]) -> tuple[str, ...]:
    """Return notices without those on crops that are larger than the data."""
    return tuple(notice for notice in notices if not notice.startswith("The crop of "))
