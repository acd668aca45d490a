import pytest

from simcvd.data.plan.schedule import dropout_choice, steps_choice, validation_choice
from tests.simcvd.data.plan.fingerprints import HIPPOCAMPUS, HUGE, LEFT_ATRIUM, THICK_SLICES


@pytest.mark.parametrize(
    ("crop", "steps"),
    [
        ((112, 112, 80), 6000),
        ((32, 48, 32), 600),
        ((16, 16, 16), 300),  # 90 by the rule
        ((64, 64, 64), 2200),  # 600 (262,144 / 49,152)^0.763
        ((160, 160, 160), 6000),
    ],
)
def test_steps_lie_between_what_is_known_of_a_small_and_a_large_crop(crop: tuple[int, int, int], steps: int) -> None:
    assert steps_choice(crop).value == steps


def test_short_trainings_have_no_dropout_after_the_last_level() -> None:
    assert dropout_choice(600).value == 0.0
    assert dropout_choice(2999).value == 0.0
    assert dropout_choice(3000).value == 0.5


def test_validation_comes_six_times_unless_it_took_a_tenth_of_the_time() -> None:
    """Hippocampus: 20 cases of 8 windows are 160; 0.1 x 4 crops x 3 passes a step make it 134 steps, so 150."""
    assert validation_choice(HIPPOCAMPUS, (32, 48, 32), (16, 24, 16), steps=600, crops=4).value == 150
    assert validation_choice(THICK_SLICES, (256, 256, 12), (128, 128, 6), steps=6000, crops=4).value == 1000


def test_validation_only_comes_last_where_it_is_dear_and_never_without_cases() -> None:
    dear = validation_choice(HUGE, (112, 112, 80), (56, 56, 40), steps=6000, crops=4)
    assert dear.value is None
    assert "only after the last step" in dear.reason
    none = validation_choice(LEFT_ATRIUM, (112, 112, 80), (56, 56, 40), steps=6000, crops=4)
    assert (none.value, none.reason) == (None, "There are no validation cases.")
