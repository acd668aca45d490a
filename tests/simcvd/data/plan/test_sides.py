"""Classes that are each other's mirror image: found where they keep their sides, and only there."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.data.plan.plan import make_plan
from simcvd.data.plan.sides import Pair, Sides, flip_choice
from tests.simcvd.data.plan.fingerprints import HIPPOCAMPUS

Label = NDArray[np.uint8]
SHAPE = (24, 16, 16)


def _wedge() -> NDArray[np.bool_]:
    """Return a shape of 8 x 8 x 8 voxels that is not its own mirror image: a column that gets thicker along x."""
    x, y, z = np.indices((8, 8, 8))
    inside: NDArray[np.bool_] = (abs(y - 3.5) <= x / 2) & (abs(z - 3.5) <= x / 2)
    return inside


def _label(one: int, other: int, shift: int = 0, mirrored: bool = True) -> Label:
    """Return `one` on low x and `other` on high x, its mirror image or the same shape again."""
    label = np.zeros(SHAPE, np.uint8)
    wedge = _wedge()
    label[2 + shift : 10 + shift, 4:12, 4:12][wedge] = one
    label[14 - shift : 22 - shift, 4:12, 4:12][wedge[::-1] if mirrored else wedge] = other
    return label


def _pairs(labels: list[Label], classes: int = 2) -> tuple[Pair, ...]:
    sides = Sides(classes)
    for label in labels:
        sides.look(ndimage.find_objects(label, max_label=classes), label)
    return sides.pairs()


def test_mirror_images_that_keep_their_sides_are_a_pair() -> None:
    assert _pairs([_label(1, 2), _label(1, 2, shift=1)]) == (Pair(1, 2, 0),)
    assert _pairs([_label(2, 1), _label(2, 1, shift=1)]) == (Pair(2, 1, 0),)


def test_classes_that_change_places_are_none() -> None:
    assert _pairs([_label(1, 2), _label(2, 1)]) == ()


def test_one_case_is_too_few_and_a_case_that_lacks_one_of_them_says_nothing() -> None:
    alone = np.where(_label(1, 2) == 1, 1, 0).astype(np.uint8)
    assert _pairs([_label(1, 2)]) == ()
    assert _pairs([_label(1, 2), alone]) == ()
    assert _pairs([_label(1, 2), alone, _label(1, 2)]) == (Pair(1, 2, 0),)


def test_shapes_that_are_no_mirror_images_are_none() -> None:
    long = np.zeros(SHAPE, np.uint8)
    long[2:4, 2:14, 2:14], long[10:22, 7:9, 7:9] = 1, 2
    assert _pairs([long, long]) == ()


def test_along_the_third_axis_nothing_is_asked_since_crops_are_not_mirrored_there() -> None:
    turned = [np.ascontiguousarray(_label(1, 2, shift).transpose(1, 2, 0)) for shift in (0, 1)]
    pairs = _pairs(turned)
    assert all(pair.axis < 2 for pair in pairs)


def test_a_third_class_does_not_disturb() -> None:
    labels = [_label(1, 2), _label(1, 2, shift=1)]
    for number, label in enumerate(labels):
        label[11, 2 + number, 2] = 3
    assert Pair(1, 2, 0) in _pairs(labels, classes=3)


def test_the_plan_does_not_mirror_them_and_says_why(tmp_path: Path) -> None:
    import dataclasses

    found = dataclasses.replace(HIPPOCAMPUS, mirrored=(("left", "right"),))
    choice = make_plan(found).choices[-1]
    assert (choice.key, choice.value) == ("augment.flip", False)
    assert "left and right are each other's mirror image" in choice.reason
    assert make_plan(found).settings.augment.flip is False
    assert make_plan(HIPPOCAMPUS).settings.augment.flip is True
    assert flip_choice(("a", "b")).key == "augment.flip"


@pytest.mark.parametrize("classes", [1, 40])
def test_any_number_of_classes_is_looked_at(classes: int) -> None:
    assert _pairs([_label(1, 1)], classes) == ()
