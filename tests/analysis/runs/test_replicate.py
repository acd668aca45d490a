from fractions import Fraction

import pytest

from analysis.runs.replicate import (
    Replicate,
    by_split,
    chances,
    counts,
    have_splits,
    in_order,
    named,
    seed_share,
    several_splits,
    span,
)

NONE: list[Replicate] = []
SEEDS = [Replicate(seed) for seed in range(3)]
ONE_SPLIT = [Replicate(seed, 4) for seed in range(3)]
UNEVEN = [Replicate(0, 5), Replicate(1, 4), Replicate(0, 4)]


@pytest.mark.parametrize(
    ("replicates", "splits", "several", "counted"),
    [(NONE, False, False, 0), (SEEDS, False, False, 3), (ONE_SPLIT, True, False, 3), (UNEVEN, True, True, 2)],
)
def test_two_label_splits_or_more_are_counted_in_place_of_the_trainings(
    replicates: list[Replicate], splits: bool, several: bool, counted: int
) -> None:
    assert (have_splits(replicates), several_splits(replicates), chances(replicates)) == (splits, several, counted)


def test_replicates_stand_in_the_order_of_split_then_seed_in_their_group() -> None:
    assert by_split(UNEVEN) == {4: [Replicate(0, 4), Replicate(1, 4)], 5: [Replicate(0, 5)]}
    assert by_split(SEEDS) == {None: SEEDS}


@pytest.mark.parametrize(
    ("replicates", "share"), [(NONE, 0), (SEEDS, Fraction(1, 3)), (UNEVEN, Fraction(3, 4)), (ONE_SPLIT, Fraction(1, 3))]
)
def test_the_share_of_the_seeds_variance_is_the_mean_of_one_over_the_seeds(
    replicates: list[Replicate], share: Fraction
) -> None:
    assert seed_share(replicates) == share


@pytest.mark.parametrize(
    ("replicates", "number", "said", "names"),
    [
        (SEEDS, (3, 0), "3 seeds", "seeds 0, 1, 2"),
        (SEEDS[1:2], (1, 0), "1 seed", "seed 1"),
        (ONE_SPLIT[:1], (1, 1), "1 seed x 1 label split", "seed 0, label split 4"),
        (
            UNEVEN,
            (2, 2),
            "3 of 2 seeds x 2 label splits",
            "seed 0, label split 5; seed 1, label split 4; seed 0, label split 4",
        ),
    ],
)
def test_how_many_and_which_is_said(
    replicates: list[Replicate], number: tuple[int, int], said: str, names: str
) -> None:
    assert (counts(replicates), span(replicates), named(replicates)) == (number, said, names)


def test_replicates_sort_with_and_without_label_split() -> None:
    mixed = [Replicate(1), Replicate(0, 2), Replicate(0), Replicate(0, 1)]
    assert in_order(mixed) == (Replicate(0), Replicate(0, 1), Replicate(0, 2), Replicate(1))
