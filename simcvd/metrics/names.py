"""Names of a case's scores: the fields of `ClassScore`, the columns of its records, and what a sweep may name."""

from typing import Final, Literal, get_args

Overlap = Literal["dice", "jaccard"]
Distance = Literal["hd95_vox", "asd_vox", "assd_vox", "hd95_mm", "asd_mm", "assd_mm"]
SurfaceDice = Literal["nsd_1mm", "nsd_2mm", "nsd_3mm", "nsd_4mm", "nsd_5mm"]
MetricName = Literal[Overlap, Distance, SurfaceDice]

OVERLAPS: Final[tuple[str, ...]] = get_args(Overlap)
"""Known wherever the prediction or the reference holds something."""
DISTANCES: Final[tuple[str, ...]] = get_args(Distance)
"""Missing wherever one of the two is empty."""
SURFACE_DICES: Final[tuple[str, ...]] = get_args(SurfaceDice)
"""Known where overlaps are; the number is the tolerance."""
TOLERANCES_MM: Final = (1, 2, 3, 4, 5)
"""Of `SURFACE_DICES`, in their order."""
METRICS: Final[tuple[str, ...]] = get_args(MetricName)
