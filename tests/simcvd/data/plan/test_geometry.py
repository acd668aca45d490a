import pytest

from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.geometry import (
    BUDGET_BYTES,
    crop_choice,
    multiples_of,
    plan_crop,
    step_bytes,
    strides_choice,
    strides_for,
)
from tests.simcvd.data.plan.fingerprints import (
    HIPPOCAMPUS,
    HUGE,
    LEFT_ATRIUM,
    PANCREAS,
    THICK_SLICES,
    TINY,
    fingerprint,
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (HIPPOCAMPUS, (32, 48, 32)),
        (LEFT_ATRIUM, (128, 128, 80)),  # the paper has 112 x 112 x 80 there
        (PANCREAS, (96, 96, 96)),  # and this there
        (THICK_SLICES, (256, 256, 12)),
        (TINY, (16, 16, 16)),
        (fingerprint((1, 1, 1)), (1, 1, 1)),
        (fingerprint((200, 200, 7)), (192, 192, 7)),
    ],
)
def test_crop_is_the_largest_that_fits_into_the_median_case_and_memory(
    found: Fingerprint, expected: tuple[int, int, int]
) -> None:
    assert plan_crop(found) == expected


def test_crop_of_a_huge_scan_is_close_to_a_cube_in_millimetres() -> None:
    """A multiple of 16 voxels is 11 or 16 mm; no side is longer than another by more than one of them."""
    crop = plan_crop(HUGE)
    lengths = [side * mm for side, mm in zip(crop, HUGE.spacing_mm, strict=True)]
    assert max(lengths) - min(lengths) <= 16
    assert BUDGET_BYTES * 0.7 < step_bytes(crop, strides_for(crop, HUGE.spacing_mm), HUGE, 16, 4) <= BUDGET_BYTES


def test_axes_that_the_largest_class_needs_give_way_last() -> None:
    """A spine is long: without its extent the long axis is cut first, with it the others are."""
    without = plan_crop(fingerprint((200, 200, 400)))
    holding = plan_crop(fingerprint((200, 200, 400), extents_vox=((30, 30, 300),)))
    assert without[2] < 150
    assert holding[2] >= 300
    assert max(holding[:2]) < max(without[:2])


@pytest.mark.parametrize(
    ("crop", "spacing", "expected"),
    [
        ((112, 112, 80), (1.0, 1.0, 1.0), ((2, 2, 2),) * 4),  # as in the paper: 7 x 7 x 5 are left
        ((32, 48, 32), (1.0, 1.0, 1.0), ((2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 1, 1))),  # 4 x 6 x 4
        ((256, 256, 12), (0.7, 0.7, 8.0), ((2, 2, 1), (2, 2, 1), (2, 2, 1), (2, 2, 2))),  # thick: halved at 5.6 mm
        ((256, 256, 12), (1.0, 1.0, 1.0), ((2, 2, 2), (2, 2, 1), (2, 2, 1), (2, 2, 1))),  # few: 12, 6
        ((64, 64, 64), (1.0, 1.0, 2.0), ((2, 2, 2),) * 4),  # twice as long is not too long
        ((64, 64, 64), (1.0, 1.0, 2.1), ((2, 2, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))),
        ((7, 7, 7), (1.0, 1.0, 1.0), ((1, 1, 1),) * 4),
        ((64, 4, 4), (1.0, 1.0, 1.0), ((2, 1, 1),) * 4),
    ],
)
def test_strides_halve_what_is_long_enough_and_not_too_thick(
    crop: tuple[int, int, int], spacing: tuple[float, float, float], expected: object
) -> None:
    assert strides_for(crop, spacing) == expected


def test_multiples_are_the_products_of_the_strides() -> None:
    assert multiples_of(((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 1, 2))) == (16, 8, 4)


def test_reasons_of_crop_and_strides_hold_their_numbers() -> None:
    reason = crop_choice(HIPPOCAMPUS, (32, 48, 32)).reason
    assert "35 x 50 x 35" in reason
    assert "multiples of 8 x 8 x 8" in reason
    assert "0.7 GB" in reason
    assert "11 GB" in reason
    assert "20 x 24 x 22 voxels, which it holds" in reason
    assert "which it cuts" in crop_choice(fingerprint((64,) * 3, extents_vox=((65, 1, 1),)), (64, 64, 64)).reason
    thick = strides_choice(THICK_SLICES, (256, 256, 12)).reason
    assert "0.7 x 0.7 x 8 mm" in thick
    assert "the deepest map has 16 x 16 x 6 voxels" in thick
