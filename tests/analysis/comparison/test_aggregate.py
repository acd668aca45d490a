import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from analysis.comparison.aggregate import FOREGROUND, Scores, case_values, pair, score_trials, scores_of
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant

Make = Callable[..., dict[str, Any]]
Values = dict[tuple[int, str, int], float | None]

# Dice by (seed, case, class).
OURS: Values = {
    (0, "a", 1): 0.8, (1, "a", 1): 0.6, (0, "a", 2): 0.5, (1, "a", 2): 0.3,
    (0, "b", 1): 0.9, (1, "b", 1): 0.7, (0, "b", 2): 0.4, (1, "b", 2): 0.6,
}  # fmt: skip
THEIRS: Values = {
    (0, "a", 1): 0.83, (1, "a", 1): 0.64, (0, "a", 2): 0.55, (1, "a", 2): 0.36,
    (0, "b", 1): 0.93, (1, "b", 1): 0.74, (0, "b", 2): 0.45, (1, "b", 2): 0.66,
}  # fmt: skip


@pytest.fixture
def arrange(make_case: Make) -> Callable[..., tuple[Scores[Replicate], Scores[Replicate]]]:
    """Arrange our and the reference's values, rows shuffled; `lacking` are cases without class 1 in their label."""

    def arrange(
        ours: Values, theirs: Values = THEIRS, lacking: str = ""
    ) -> tuple[Scores[Replicate], Scores[Replicate]]:
        rows = [
            make_case(f"{who}{seed}", case, class_id, seed, dice=value)
            | {"empty_reference": case in lacking and class_id == 1}
            for who, values in (("a", ours), ("b", theirs))
            for (seed, case, class_id), value in values.items()
        ]
        trials = score_trials(pd.DataFrame(rows).astype({"dice": float}).sample(frac=1, random_state=3), ["dice"])[
            "dice"
        ]
        a, b = (
            scores_of(trials, PlannedVariant(who, {Replicate(0): f"{who}0", Replicate(1): f"{who}1"}), trials.runs)
            for who in "ab"
        )
        return a, b

    return arrange


Arrange = Callable[..., tuple[Scores[Replicate], Scores[Replicate]]]


def test_seeds_are_averaged_per_case_then_classes(arrange: Arrange) -> None:
    scores, _ = arrange(OURS)
    assert scores.cases == ("a", "b")
    assert scores.classes == {1: "class 1", 2: "class 2"}
    a, b = case_values(scores).tolist()
    assert a == pytest.approx([0.7, 0.4, 0.55])
    assert b == pytest.approx([0.8, 0.5, 0.65])


def test_a_case_enters_with_the_seeds_that_exist(arrange: Arrange) -> None:
    scores, _ = arrange({key: value for key, value in OURS.items() if key != (1, "a", 1)})
    assert case_values(scores)[0].tolist() == pytest.approx([0.8, 0.4, 0.6])


def test_a_missing_value_is_left_out_and_never_0(arrange: Arrange) -> None:
    scores, _ = arrange(OURS | {(1, "a", 1): None})
    assert case_values(scores)[0].tolist() == pytest.approx([0.8, 0.4, 0.6])


def test_the_foreground_mean_is_missing_where_a_present_class_has_no_value(arrange: Arrange) -> None:
    scores, _ = arrange(OURS | {(0, "a", 1): None, (1, "a", 1): None})
    a, b = case_values(scores).tolist()
    assert math.isnan(a[0])
    assert a[1] == pytest.approx(0.4)
    assert math.isnan(a[FOREGROUND])
    assert b[FOREGROUND] == pytest.approx(0.65)


def test_a_class_that_the_label_lacks_does_not_count(arrange: Arrange) -> None:
    scores, _ = arrange(OURS | {(0, "a", 1): None, (1, "a", 1): None}, lacking="a")
    assert case_values(scores)[0, FOREGROUND] == pytest.approx(0.4)


def test_the_order_of_rows_changes_no_digit(make_case: Make) -> None:
    frame = pd.DataFrame([make_case(f"t{seed}", "a", 1, seed, dice=0.1 * seed**0.5) for seed in range(9)])
    variant = PlannedVariant("v", {Replicate(seed): f"t{seed}" for seed in range(9)})
    found = set()
    for i in range(20):
        trials = score_trials(frame.sample(frac=1, random_state=i), ["dice"])["dice"]
        found.add(float(case_values(scores_of(trials, variant, trials.runs))[0, 0]))
    assert len(found) == 1


def test_only_finished_trials_of_the_variant_are_used(make_case: Make) -> None:
    frame = pd.DataFrame([make_case(name, "a", dice=value) for name, value in (("t0", 0.5), ("t1", 0.6), ("u", 0.7))])
    picked = scores_of(
        score_trials(frame, ["dice"])["dice"],
        PlannedVariant("v", {Replicate(8): "t1", Replicate(7): "t0"}),
        ["t0", "u"],
    )
    assert picked.runs == (Replicate(7),)
    assert picked.values.tolist() == [[[0.5]]]


def test_complete_pairs_are_matched_by_case(arrange: Arrange) -> None:
    pairs = pair(*arrange(OURS))
    assert pairs.of(0) == (pytest.approx([0.7, 0.8]), pytest.approx([0.735, 0.835]))
    assert pairs.of(FOREGROUND) == (pytest.approx([0.55, 0.65]), pytest.approx([0.595, 0.695]))
    assert pairs.replicates == (Replicate(0), Replicate(1))
    assert pairs.unpaired == 0


def test_a_seed_of_one_side_is_left_out_and_named(arrange: Arrange) -> None:
    pairs = pair(*arrange({key: value for key, value in OURS.items() if key[0] == 0}))
    assert (pairs.replicates, pairs.variant_replicates) == ((Replicate(0),), ())
    assert pairs.reference_replicates == (Replicate(1),)
    assert pairs.of(0) == (pytest.approx([0.8, 0.9]), pytest.approx([0.83, 0.93]))


def test_a_case_of_one_side_is_left_out_and_named(arrange: Arrange) -> None:
    ours = {key: value for key, value in OURS.items() if key[1] == "b"} | {(0, "c", 1): 0.1, (0, "c", 2): 0.1}
    pairs = pair(*arrange(ours))
    assert (pairs.variant_cases, pairs.reference_cases) == (("c",), ("a",))
    assert pairs.of(1) == (pytest.approx([0.5]), pytest.approx([0.555]))
    assert pairs.unpaired == 0


def test_a_value_missing_at_one_seed_leaves_that_seed_out_on_both_sides(arrange: Arrange) -> None:
    pairs = pair(*arrange(OURS | {(1, "a", 1): None}))
    assert pairs.of(0) == (pytest.approx([0.8, 0.8]), pytest.approx([0.83, 0.835]))
    assert pairs.unpaired == 1


def test_a_case_without_a_class_on_one_side_leaves_the_foreground_mean(arrange: Arrange) -> None:
    pairs = pair(*arrange(OURS | {(0, "a", 1): None, (1, "a", 1): None}))
    assert pairs.of(0) == (pytest.approx([0.8]), pytest.approx([0.835]))
    assert len(pairs.of(1)[0]) == 2
    assert pairs.of(FOREGROUND) == (pytest.approx([0.65]), pytest.approx([0.695]))
    assert pairs.unpaired == 2


def test_nothing_in_common_gives_no_pairs(arrange: Arrange) -> None:
    pairs = pair(*arrange({(0, "a", 1): 0.5}, {(1, "a", 1): 0.5}))
    assert pairs.replicates == ()
    assert pairs.of(0) == pairs.of(FOREGROUND) == ([], [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "other"}, "different data sets"),
        ({"reference_voxels": 13}, "different labels"),
        ({"class_name": "atrium"}, "different labels"),
        ({"trial_id": "t0"}, "more than once"),
    ],
)
def test_what_can_not_be_compared_is_refused(make_case: Make, change: dict[str, Any], message: str) -> None:
    frame = pd.DataFrame([make_case("t0", "a"), make_case("t1", "a") | change])
    with pytest.raises(AnalysisError, match=message):
        score_trials(frame, ["dice"])
