import pytest

from simcvd.config.settings import NetworkConfig
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.sizes import batch_choices, pool_choice, stride_choice, width_choice, window_batch_choice
from tests.simcvd.data.plan.fingerprints import FOUR_CASES, HIPPOCAMPUS, HUGE, LEFT_ATRIUM, TINY


def test_width_is_the_papers() -> None:
    assert (width_choice().key, width_choice().value) == ("network.width", NetworkConfig().width)


@pytest.mark.parametrize(
    ("found", "crop", "labeled", "unlabeled"),
    [
        (LEFT_ATRIUM, (112, 112, 80), 2, 2),
        (HIPPOCAMPUS, (32, 48, 32), 2, 2),
        (TINY, (16, 16, 16), 8, 8),
        (FOUR_CASES, (16, 16, 16), 4, 8),
        (TINY, (24, 24, 24), 4, 4),
    ],
)
def test_tiny_crops_come_in_larger_batches_and_labelled_ones_of_different_cases(
    found: Fingerprint, crop: tuple[int, int, int], labeled: int, unlabeled: int
) -> None:
    first, second = batch_choices(found, crop)
    assert (first.value, second.value) == (labeled, unlabeled)
    assert ("No more than there are labelled cases, 4" in first.reason) == (labeled < unlabeled)


def test_windows_overlap_by_half() -> None:
    choice = stride_choice(HIPPOCAMPUS, (32, 48, 32))
    assert choice.value == [16, 24, 16]
    assert "8 windows" in choice.reason
    assert stride_choice(TINY, (16, 16, 1)).value == [8, 8, 1]


@pytest.mark.parametrize(
    ("found", "crop", "expected"),
    [
        (LEFT_ATRIUM, (112, 112, 80), 4),
        (HIPPOCAMPUS, (32, 48, 32), 8),  # all that the median case takes
        (HUGE, (32, 32, 32), 16),
        (TINY, (16, 16, 16), 1),
        (HUGE, (224, 224, 160), 1),
    ],
)
def test_windows_of_a_pass_hold_no_more_than_the_papers(
    found: Fingerprint, crop: tuple[int, int, int], expected: int
) -> None:
    stride = [max(1, side // 2) for side in crop]
    assert window_batch_choice(found, crop, stride).value == expected


@pytest.mark.parametrize(
    ("crop", "expected"),
    [
        ((112, 112, 80), 128),
        ((96, 96, 96), 128),
        ((32, 48, 32), 32),
        ((16, 16, 16), 16),
        ((256, 256, 12), 128),
        ((1, 64, 64), 8),
        ((80, 200, 10), 64),
    ],
)
def test_slices_are_pooled_to_the_power_of_two_next_to_their_shorter_side(
    crop: tuple[int, int, int], expected: int
) -> None:
    assert pool_choice(crop).value == expected
