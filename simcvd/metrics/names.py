"""Names of a case's scores: the fields of `ClassScore`, the columns of its records, and what a sweep may name."""

from typing import Final, Literal, get_args

Overlap = Literal["dice", "jaccard"]
Distance = Literal["hd95_vox", "asd_vox", "assd_vox", "hd95_mm", "asd_mm", "assd_mm"]
MetricName = Literal[Overlap, Distance]

OVERLAPS: Final[tuple[str, ...]] = get_args(Overlap)
"""Known wherever the prediction or the reference holds something."""
DISTANCES: Final[tuple[str, ...]] = get_args(Distance)
"""Missing wherever one of the two is empty."""
METRICS: Final[tuple[str, ...]] = get_args(MetricName)
