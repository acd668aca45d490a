import doctest
import math

import numpy as np
import pytest
from medpy.metric import binary

from simcvd.metrics import overlap
from simcvd.metrics.overlap import dice, jaccard

FULL = np.ones((3, 4, 5), bool)
EMPTY = np.zeros((3, 4, 5), bool)


def test_docstring_examples() -> None:
    assert doctest.testmod(overlap).failed == 0


def test_perfect_overlap_is_one() -> None:
    assert dice(FULL, FULL) == jaccard(FULL, FULL) == 1


def test_one_empty_mask_scores_zero() -> None:
    assert dice(EMPTY, FULL) == dice(FULL, EMPTY) == jaccard(EMPTY, FULL) == jaccard(FULL, EMPTY) == 0


def test_two_empty_masks_are_missing() -> None:
    assert math.isnan(dice(EMPTY, EMPTY))
    assert math.isnan(jaccard(EMPTY, EMPTY))


def test_dice_follows_from_jaccard_and_both_equal_medpy() -> None:
    generator = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        a, b = generator.random((2, 9, 8, 7)) < share
        assert dice(a, b) == pytest.approx(2 * jaccard(a, b) / (1 + jaccard(a, b)), abs=1e-12)
        assert dice(a, b) == pytest.approx(binary.dc(a, b), abs=1e-12)
        assert jaccard(a, b) == pytest.approx(binary.jc(a, b), abs=1e-12)
