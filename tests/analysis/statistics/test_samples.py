import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.statistics.samples import both_sides, complete, differences, rounding, sample, scores

NAN = math.nan


def test_a_failed_seed_goes_first_and_then_every_case_that_a_kept_one_lacks() -> None:
    """Seed 1 has nothing; of the four cases, the second lacks seed 0 and the last lacks seed 2."""
    block = complete(np.array([[1.0, NAN, 3.0, 4.0], [NAN] * 4, [5.0, 6.0, 7.0, NAN]]))
    assert block.values.tolist() == [[1.0, 3.0], [5.0, 7.0]]
    assert block.left_out == 2


def test_where_no_seed_has_a_value_every_case_is_left_out() -> None:
    block = complete(np.full((2, 3), NAN))
    assert (block.values.shape, block.left_out) == ((0, 0), 3)


def test_rounding_parts_equal_differences_by_less_and_true_ones_by_more() -> None:
    a, b = np.array([0.3, 0.2]), np.array([0.2, 0.1])
    first, second = a - b
    assert 0 < abs(first - second) < rounding(a, b) < 1e-14
    assert rounding(a, 1e6 * b) == pytest.approx(2e5 * 8 * 2.0**-52)
    assert rounding(np.array([])) == 0.0


@pytest.mark.parametrize("one", [1000, 10])
def test_differences_that_rounding_alone_parts_are_one_number(one: int) -> None:
    """Shares with three decimals and percent with one, averaged over 8 seeds and 13 classes: a shift stays a shift."""
    draw = np.random.default_rng(0)
    reference = draw.integers(500, 1000, size=(8, 40, 13))
    ours, theirs = ((each / one).mean(axis=0).mean(axis=1) for each in (reference - 20, reference))
    assert np.ptp(ours - theirs) > 0
    assert np.ptp(differences(ours, theirs)) == 0
    assert differences(ours, theirs)[0] == pytest.approx(-20 / one)


def test_differences_that_rounding_alone_parts_from_nothing_are_nothing() -> None:
    assert differences([0.1 + 0.2, 0.5], [0.3, 0.5]).tolist() == [0.0, 0.0]


def test_differences_larger_than_rounding_stay_as_they_are() -> None:
    ours, theirs = [0.8, 0.7], [0.82, 0.72 + 1e-14]
    assert differences(ours, theirs).tolist() == [0.8 - 0.82, 0.7 - (0.72 + 1e-14)]
    assert differences([], []).tolist() == []


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (sample, ([[1.0]],), r"expected one sequence of values, found shape \(1, 1\)"),
        (sample, ([1.0, NAN],), "a value is not finite"),
        (both_sides, ([1.0], [1.0, 2.0]), r"one length, found shapes \(1,\) and \(2,\)"),
        (both_sides, ([1.0, 2.0], [1.0, math.inf]), "out of both sides"),
        (scores, ([1.0, 2.0],), r"expected scores \[S, N\], found shape \(2,\)"),
        (scores, ([[1.0, math.inf]],), "a score is infinite"),
        (scores, ([[1.0]], "VSN"), r"expected scores \[V, S, N\], found shape \(1, 1\)"),
    ],
)
def test_what_is_no_sample_is_refused(check: Callable[..., Any], given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(*given)


def test_missing_scores_stay_missing() -> None:
    assert np.isnan(scores([[1, None]])).tolist() == [[False, True]]
