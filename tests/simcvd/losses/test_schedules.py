import math

import pytest

from simcvd.losses.schedules import learning_rate, ramp_up


def test_ramp_up_at_its_ends_and_middle_worked_by_hand() -> None:
    """t_max = 100: exp(-5) at 0, exp(-5 / 4) at 50, 1 at 100."""
    values = [ramp_up(step, 101) for step in (0, 50, 100)]
    assert values == pytest.approx([0.006738, 0.286505, 1.0], abs=1e-6)


@pytest.mark.parametrize(("share", "value"), [(0.4, 0.17), (0.6, 0.45)])
def test_ramp_up_weighs_little_in_the_first_half(share: float, value: float) -> None:
    assert ramp_up(round(share * 6000), 6000) == pytest.approx(value, abs=0.005)


def test_ramp_up_never_falls_and_ends_at_one() -> None:
    values = [ramp_up(step, 37) for step in range(37)]
    assert values == sorted(values)
    assert values[-1] == 1


def test_ramp_up_of_a_fraction_reaches_one_earlier_and_stays() -> None:
    values = [ramp_up(step, 11, 0.5) for step in range(11)]
    assert values[2] == pytest.approx(math.exp(-5 * (1 - 2 / 5) ** 2))
    assert all(value < 1 for value in values[:5])
    assert all(value == 1 for value in values[5:])


def test_ramp_up_of_a_single_step_has_full_weight() -> None:
    assert ramp_up(0, 1) == 1


def test_learning_rate_drops_by_ten_after_every_period() -> None:
    rates = [learning_rate(step, 10, 0.01, 0.3) for step in range(10)]
    assert rates == pytest.approx([1e-2] * 3 + [1e-3] * 3 + [1e-4] * 3 + [1e-5])


def test_learning_rate_of_the_paper_drops_at_step_3000() -> None:
    assert [learning_rate(step, 6000, 0.01) for step in (2999, 3000, 5999)] == [0.01, 0.001, 0.001]


def test_learning_rate_with_a_whole_period_never_drops() -> None:
    assert {learning_rate(step, 7, 0.5, 1.0) for step in range(7)} == {0.5}


def test_learning_rate_of_a_single_step_is_the_base() -> None:
    assert learning_rate(0, 1, 0.01, 0.5) == 0.01
