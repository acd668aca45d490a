import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import seed_variance


def test_pooled_seed_variance_is_half_the_mean_variance_of_differences() -> None:
    # Of all pairs of variants, the variance over seeds of the difference of their means.
    y = np.random.default_rng(0).normal(0, 1, (5, 4, 8)) + np.random.default_rng(1).normal(0, 3, (5, 4, 1))
    means = y.mean(axis=2)
    pairs = [np.var(means[v] - means[w], ddof=1) / 2 for v, w in itertools.combinations(range(5), 2)]
    found = seed_variance(y)
    assert found.variance == pytest.approx(np.mean(pairs))
    assert found.degrees_of_freedom == 12


def test_pooled_seed_variance_knows_nothing_of_what_all_variants_share() -> None:
    generator = np.random.default_rng(0)
    y = generator.normal(0, 1, (5, 3, 8))
    shared = 10 * generator.normal(size=(1, 3, 1)) + 10 * generator.normal(size=(5, 1, 8))
    assert seed_variance(y + shared).variance == pytest.approx(seed_variance(y).variance, rel=1e-9)


def test_pooled_seed_variance_leaves_out_variants_with_a_failed_seed_then_incomplete_cases() -> None:
    y = np.random.default_rng(0).normal(0, 1, (4, 3, 8))
    expected = seed_variance(np.delete(y[[0, 2, 3]], 5, axis=2))
    y[1, 2], y[3, 0, 5] = np.nan, np.nan
    found = seed_variance(y)
    assert (found.variants, found.seeds, found.cases) == (3, 3, 7)
    assert found.variance == expected.variance


@pytest.mark.parametrize(
    ("shape", "why"), [((1, 3, 5), "two variants"), ((3, 1, 5), "two seeds"), ((3, 3, 0), "two variants")]
)
def test_without_two_variants_and_seeds_there_is_no_pooled_variance(shape: tuple[int, ...], why: str) -> None:
    found = seed_variance(np.ones(shape))
    assert found.variance is None
    assert found.why_none == f"fewer than {why} with all values"


def means(*by_seed: float) -> np.ndarray:
    """One case at each seed."""
    return np.array(by_seed)[:, None]


@pytest.mark.parametrize("variants", [3, 4, 7, 16])
def test_a_variant_is_set_apart_where_its_f_test_against_the_others_says_so(variants: int) -> None:
    """Of the difference of its means from the others', against how the others' means differ."""
    seeds, found = 3, []
    for draw, factor in itertools.product(range(5), np.geomspace(1, 100, 12)):
        y = np.random.default_rng(draw).normal(0, 1, (variants, seeds))
        y[-1] *= factor
        p = []
        for place in range(variants):
            others = np.delete(y, place, axis=0)
            apart = np.var(y[place] - others.mean(axis=0), ddof=1) / (1 + 1 / (variants - 1))
            rest = others - others.mean(axis=1, keepdims=True) - others.mean(axis=0) + others.mean()
            df = (variants - 2) * (seeds - 1)
            p.append(stats.f.sf(apart / ((rest**2).sum() / df), seeds - 1, df))
        found.append(min(p) < 0.05 / variants)
        assert bool(seed_variance(y[:, :, None]).apart) == found[-1]
    assert 5 < sum(found) < 55


def test_without_those_set_apart_it_is_the_variance_of_the_others() -> None:
    y = np.random.default_rng(0).normal(0, 1, (8, 3, 4))
    steady = seed_variance(np.delete(y, [2, 6], axis=0))
    y[2] += means(-40, 10, 30)
    y[6] += means(9, 0, -9)  # hidden by the other one at first
    found = seed_variance(y)
    assert found.apart == (2, 6)
    assert (found.variants, found.degrees_of_freedom) == (6, 10)
    assert found.variance == pytest.approx(steady.variance)


def test_places_are_those_of_all_variants_given() -> None:
    y = np.random.default_rng(0).normal(0, 1, (8, 3, 4))
    y[0, 1] = np.nan
    y[5] += means(-40, 10, 30)
    assert seed_variance(y).apart == (5,)


def test_of_two_variants_none_is_set_apart_and_none_where_nothing_varies() -> None:
    y = np.random.default_rng(0).normal(0, 1, (2, 3, 4))
    y[1] += means(-40, 10, 30)
    assert seed_variance(y).apart == ()
    assert seed_variance(np.ones((5, 3, 4))).apart == ()
    assert seed_variance(np.full((5, 3, 7), 0.1) + np.arange(5)[:, None, None] / 3).apart == ()


def test_where_the_others_do_not_vary_one_that_does_is_set_apart() -> None:
    y = np.ones((4, 3, 5))
    y[2, 0] = 0.5
    found = seed_variance(y)
    assert (found.apart, found.variance) == ((2,), 0.0)
