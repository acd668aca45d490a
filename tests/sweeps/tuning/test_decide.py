"""The best method, the best settings, and whether anything was learned."""

import math
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from simcvd.data.phantom import write_phantom
from sweeps.tuning import decide
from sweeps.tuning.decide import Learned, best_method, learned


def test_the_best_method_has_the_highest_mean_and_the_first_wins_a_tie() -> None:
    scores = {"a": {"x": 0.5, "y": 0.7}, "b": {"x": 0.7, "y": 0.7}, "c": {"x": 0.6, "y": 0.8}}
    assert best_method(scores, ["a", "b", "c"]) == "b"
    assert best_method(scores, ["a"]) == "a"
    assert best_method({"a": {}, "b": {"x": 0.1}}, ["a", "b"]) == "b"
    assert best_method({}, ["a", "b"]) == "a"


@pytest.mark.parametrize(
    ("found", "anything"),
    [
        (Learned(0.8, 0.5, 30, 0.001), True),
        (Learned(0.52, 0.5, 30, 0.2), False),
        (Learned(0.4, 0.5, 30, 0.9), False),
        (Learned(0.52, 0.5, 3, None), True),
        (Learned(0.5, 0.5, 3, None), False),
    ],
)
def test_something_was_learned_where_the_average_mask_is_beaten(found: Learned, anything: bool) -> None:
    assert found.anything == anything


def test_networks_are_compared_with_the_average_mask_by_a_paired_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    average = {f"c{number}": 0.5 + 0.01 * number for number in range(6)}
    network = {f"c{number}": 0.52 + 0.012 * number - 0.03 * (number % 2) for number in range(6)} | {"other": 0.9}
    monkeypatch.setattr(decide, "average_mask_dice", lambda *_: average)
    info = write_phantom(tmp_path, labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    found = learned(tmp_path, info, ["a"], network)
    assert found is not None
    own = [network[case] for case in average]
    told = ttest_rel(own, list(average.values()), alternative="greater")
    assert (found.cases, found.p) == (6, pytest.approx(told.pvalue))
    assert found.network == pytest.approx(math.fsum(own) / 6)


def test_a_network_that_answers_the_label_has_learned(tmp_path: Path) -> None:
    info = write_phantom(tmp_path, labeled=3, unlabeled=1, val=3, test=1, shape=(16, 16, 16))
    found = learned(tmp_path, info, info.splits.train_labeled, dict.fromkeys(info.splits.val, 1.0))
    assert found is not None
    assert found.anything
    assert 0 < found.average < 1


def test_without_scores_nothing_is_said(tmp_path: Path) -> None:
    info = write_phantom(tmp_path, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    assert learned(tmp_path, info, info.splits.train_labeled, {}) is None
