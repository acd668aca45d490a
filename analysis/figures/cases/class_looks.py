"""The colour of each class in slices and surfaces, in a legend and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.figures.canvas.style import COLOUR_NAMES, class_colours
from analysis.figures.cases.case_slices import QualitativeCase


def colours_of(cases: Sequence[QualitativeCase], classes: Mapping[int, str]) -> dict[int, str]:
    """Return the colour of each class by its id: those that are named, and others that a case has."""
    import numpy as np

    found = set(classes)
    for case in cases:
        for labels in (case.reference, *case.predictions.values()):
            found |= {int(label) for label in np.unique(labels) if label > 0}
    return class_colours(found)


def swatches(colours: Mapping[int, str], classes: Mapping[int, str]) -> list[Any]:
    """Return a handle a class for a legend; none where there is one class, which needs no name."""
    from matplotlib.patches import Patch

    if len(colours) < 2:
        return []
    return [Patch(label=_name(label, classes), color=colour, linewidth=0) for label, colour in colours.items()]


def classes_in_words(colours: Mapping[int, str], classes: Mapping[int, str]) -> str:
    """Say which colour each class has.

    >>> classes_in_words(class_colours([1, 2]), {1: "left", 2: "right"})
    'left in amber, right in light blue'
    """
    named = {_name(label, classes): COLOUR_NAMES[colour] for label, colour in colours.items()}
    return ", ".join(f"{name} in {colour}" for name, colour in named.items()) or "no class"


def _name(label: int, classes: Mapping[int, str]) -> str:
    return classes.get(label, f"class {label}")
