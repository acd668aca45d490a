import pytest

from simcvd.config import (
    apply_settings,
    load_preset,
)
from simcvd.errors import UserError


def test_the_papers_simcvd_augments_no_intensities() -> None:
    assert not load_preset("la").augment.changes_intensities
    assert apply_settings(load_preset("la"), {"augment.out_painting.probability": 0.1}).augment.changes_intensities


def test_sides_of_boxes_are_a_range() -> None:
    with pytest.raises(UserError, match=r"min_side is 0.6, expected no more than max_side, 0.57"):
        apply_settings(load_preset("la"), {"augment.out_painting.min_side": 0.6})
