"""Facts of made-up cases, for the rules."""

import numpy as np

from simcvd.data.inspection.case_facts import BINS, CaseFacts, ChannelFacts, ClassFacts, LabelFacts


def channel(median: float = 100, spread: float = 200, seed: int = 0) -> ChannelFacts:
    histogram = np.random.default_rng(seed).integers(0, 1000, BINS)
    return ChannelFacts(median - spread / 2, median, median + spread / 2, median, median - spread, histogram)


def one_class(voxels: int = 1000, x: float = 10, y: float = 10, components: int = 1) -> ClassFacts:
    return ClassFacts(voxels, voxels / 1000, (10, 10, 10), (x, y, 10), components, 1.0)


MISSING = ClassFacts(0, 0.0)


def case(number: int, **changes: object) -> CaseFacts:
    """One of many alike: sizes, intensities and volumes vary by some percent from case to case."""
    vary = 1 + 0.01 * (number % 7)
    facts = {
        "id": f"c{number}",
        "orientation": "RAS",
        "spacing_mm": (vary, vary, 2.5),
        "shape": (100 + number % 5, 120, 40),
        "split": "train_labeled",
        "channels": (channel(100 * vary, 200 * vary, seed=number),),
        "label": LabelFacts((one_class(int(2000 * vary), y=30), one_class(int(1000 * vary))), (), 0.1 * vary, 0.0),
        **changes,
    }
    return CaseFacts(**facts)


def alike(count: int, **changed: object) -> list[CaseFacts]:
    """Return `count` cases alike and one that `changed` sets apart, `odd`."""
    return [*(case(number) for number in range(count)), case(count, id="odd", **changed)]
