"""Facts of made-up data sets that rules are tried on."""

from typing import Any

from simcvd.data.plan.fingerprint import Fingerprint

MM = (1.0, 1.0, 1.0)


def fingerprint(shape: tuple[int, int, int], **changes: Any) -> Fingerprint:
    """Return the facts of twenty cases of one shape, a few labelled ones among them."""
    facts: dict[str, Any] = {
        "shapes": (shape,) * 20,
        "spacing_mm": MM,
        "channels": 1,
        "classes": 1,
        "labeled": 10,
        "unlabeled": 10,
        "val": 5,
    }
    return Fingerprint(**facts | changes)


HIPPOCAMPUS = fingerprint((35, 50, 35), classes=2, labeled=12, unlabeled=100, val=20, extents_vox=((20, 24, 22),) * 2)
LEFT_ATRIUM = fingerprint((180, 140, 88), spacing_mm=(0.625,) * 3, labeled=16, unlabeled=64, val=0)
PANCREAS = fingerprint((230, 180, 200), labeled=12, unlabeled=50, val=0)
THICK_SLICES = fingerprint((256, 256, 12), spacing_mm=(0.7, 0.7, 8.0))
TINY = fingerprint((16, 16, 16))
FOUR_CASES = fingerprint((16, 16, 16), shapes=((16, 16, 16),) * 4, labeled=4, unlabeled=0, val=0)
HUGE = fingerprint((512, 512, 900), spacing_mm=(0.7, 0.7, 1.0))
ALL = (HIPPOCAMPUS, LEFT_ATRIUM, PANCREAS, THICK_SLICES, TINY, FOUR_CASES, HUGE)
