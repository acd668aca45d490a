"""Probabilities of an order: against closed forms, the tests that they must agree with, and sweeps of no difference."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import crossed_test, seed_variance, standings
from analysis.statistics.standing import Standing


def made(variants: int, seeds: int, cases: int, luck: np.random.Generator, own: float = 1.0) -> np.ndarray:
    y = 85 + 6 * luck.normal(size=(1, 1, cases)) + 1.5 * luck.normal(size=(variants, 1, cases))
    return y + own * luck.normal(size=(variants, seeds, 1)) + 2 * luck.normal(size=(variants, seeds, cases))


def found(values: np.ndarray, **more: object) -> list[Standing]:
    standing = standings(values, **({"higher_is_better": True, "reference": 0} | more))  # type: ignore[arg-type]
    assert standing is not None
    return standing


def test_probabilities_of_being_first_sum_to_one() -> None:
    assert sum(own.first for own in found(made(5, 3, 20, np.random.default_rng(0)))) == pytest.approx(1.0)


def test_of_two_variants_first_and_false_are_two_sides_of_one_thing() -> None:
    reference, other = found(made(2, 4, 20, np.random.default_rng(1)))
    assert reference.false is None
    assert other.false == pytest.approx(min(reference.first, other.first), abs=1e-9)


@pytest.mark.parametrize("draw", range(6))
def test_the_probability_of_the_other_sign_is_about_half_the_two_sided_p(draw: int) -> None:
    """A flat prior makes them equal where one part has all the variance, or both have many degrees of freedom."""
    y = made(8, 10, 60, np.random.default_rng(draw))
    pooled = seed_variance(y)
    for place, own in enumerate(found(y)[1:], start=1):
        p = crossed_test(y[place], y[0], "different", pooled=pooled).p
        assert p is not None
        assert own.false == pytest.approx(p / 2, abs=0.03)


def test_where_seeds_change_nothing_it_is_the_one_sided_t_test_over_cases() -> None:
    """All seeds alike: the case profiles are all there is, and two variants have the paired t-test."""
    y = np.repeat(made(2, 1, 15, np.random.default_rng(4)), 3, axis=1)
    p = stats.ttest_rel(y[1, 0], y[0, 0]).pvalue / 2
    assert found(y)[1].false == pytest.approx(p, abs=0.015)


def test_lower_is_better_turns_the_order() -> None:
    y = made(4, 3, 20, np.random.default_rng(5))
    up, down = found(y), found(-y, higher_is_better=False)
    assert [own.first for own in up] == pytest.approx([own.first for own in down], abs=1e-9)
    assert [own.false for own in up[1:]] == pytest.approx([own.false for own in down[1:]], abs=1e-9)


def test_one_that_seeds_move_more_says_nothing_of_the_others_and_is_drawn_from_its_own_seeds() -> None:
    """Half the two-sided p, as of all; with its 2 degrees of freedom only about."""
    y = made(8, 3, 20, np.random.default_rng(2))
    y[5] += np.array([-30.0, -8.0, 2.0])[:, None]
    assert seed_variance(y).apart == (5,)
    own = found(y)
    for each, without in zip(own[1:5], found(np.delete(y, 5, axis=0))[1:5], strict=True):
        assert each.false == pytest.approx(without.false, abs=0.02)
    p = crossed_test(y[5], y[0], "different").p
    assert p is not None
    assert own[5].false == pytest.approx(p / 2, abs=0.03)
    assert 0.03 < own[5].false < 0.2


def test_cases_with_gaps_are_left_out() -> None:
    y = made(3, 3, 20, np.random.default_rng(6))
    gaps = np.concatenate([y, np.full((3, 3, 2), np.nan)], axis=2)
    gaps[0, 0, 20] = 1.0
    assert found(gaps) == found(y)


@pytest.mark.parametrize(("variants", "seeds", "cases"), [(1, 3, 10), (3, 1, 10), (3, 3, 1), (3, 3, 0)])
def test_nothing_is_told_from_too_little(variants: int, seeds: int, cases: int) -> None:
    assert standings(np.ones((variants, seeds, cases)), True) is None


@pytest.mark.parametrize(("variants", "own"), [(2, 1.0), (7, 0.5)])
def test_sweeps_without_difference_rarely_have_a_first(variants: int, own: float) -> None:
    """At 0.975, of two variants 5 % at most; 500 sweeps have a standard error of 1 point."""
    luck = np.random.default_rng(7)
    sweeps = [found(made(variants, 3, 20, luck, own), draws=2000) for _ in range(500)]
    assert np.mean([max(each.first for each in sweep) >= 0.975 for sweep in sweeps]) <= 0.07
    assert np.mean([each.false <= 0.025 for sweep in sweeps for each in sweep[1:] if each.false is not None]) <= 0.07


def test_a_true_gain_is_found() -> None:
    luck = np.random.default_rng(8)
    sweeps = []
    for _ in range(60):
        y = made(7, 3, 20, luck, 0.5)
        y[3] += 3
        sweeps.append(found(y, draws=2000)[3])
    assert np.mean([own.first > 0.9 for own in sweeps]) > 0.7
    assert np.mean([own.false is not None and own.false <= 0.025 for own in sweeps]) > 0.8


def test_the_part_of_the_cases_has_the_covariance_of_the_profiles() -> None:
    """Many seeds, so that there is nothing else: P(a < b) of every two is that of the paired t-test."""
    y = np.repeat(made(4, 1, 12, np.random.default_rng(9)), 2, axis=1)
    for base in range(4):
        of_all = standings(y, True, reference=base)
        assert of_all is not None
        for place in {*range(4)} - {base}:
            p = stats.ttest_rel(y[place, 0], y[base, 0]).pvalue / 2
            assert of_all[place].false == pytest.approx(p, abs=0.015)


def test_variants_that_are_alike_in_every_case_share_the_first_place() -> None:
    """Their covariance has no inverse, and rounding may make one of its values negative."""
    y = np.repeat(made(1, 3, 10, np.random.default_rng(10)), 3, axis=0)
    assert [own.first for own in found(y)] == pytest.approx([1 / 3] * 3, abs=0.02)


def test_thousands_of_cases_take_no_more_memory_than_their_values() -> None:
    """20,000 draws of 2,000 weights each would be 320 MB."""
    y = made(4, 2, 2000, np.random.default_rng(11))
    tracemalloc.start()
    try:
        found(y)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20e6
