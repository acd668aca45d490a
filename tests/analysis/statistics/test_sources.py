import numpy as np
import pytest

from analysis.statistics import seed_share_of_splits


def made(labels: float, seeds: float, draw: int) -> np.ndarray:
    luck = np.random.default_rng(draw)
    y = labels * luck.normal(size=(9, 6, 1, 1)) + seeds * luck.normal(size=(9, 6, 3, 1))
    found: np.ndarray = 80 + y + 0.01 * luck.normal(size=(9, 6, 3, 12))
    return found


@pytest.mark.parametrize(("labels", "seeds", "share"), [(2.0, 0.0, 0.0), (0.0, 2.0, 1.0), (1.0, 3.0**0.5, 0.5)])
def test_the_share_of_the_seeds_is_that_of_the_model(labels: float, seeds: float, share: float) -> None:
    """With three seeds a split, U / S over L + U / S: 1 / (1 + 1) in the last row."""
    found = [seed_share_of_splits(made(labels, seeds, draw)) for draw in range(30)]
    assert np.mean([own for own in found if own is not None]) == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("shape", [(1, 2, 2, 3), (2, 1, 2, 3), (2, 2, 1, 3), (2, 2, 2, 0)])
def test_nothing_is_told_from_too_little(shape: tuple[int, ...]) -> None:
    assert seed_share_of_splits(np.ones(shape)) is None


def test_splits_that_do_not_vary_have_no_share() -> None:
    assert seed_share_of_splits(np.ones((2, 2, 2, 3))) is None


def test_a_variant_that_splits_move_more_has_no_part_in_the_share() -> None:
    y = made(1.0, 1.0, 0)
    steady = seed_share_of_splits(np.delete(y, 4, axis=0))
    y[4] += np.array([-40.0, 0.0, 25.0, 0.0, 10.0, 5.0])[:, None, None]
    assert seed_share_of_splits(y) == pytest.approx(steady)
