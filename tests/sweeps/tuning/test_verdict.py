"""The verdict in words, from records in which every score is known."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from analysis.comparison.learned import Learned
from analysis.comparison.scored_sweep import score_sweep
from sweeps.tuning.verdict import Verdict
from tests.analysis.made_runs import write_toy_sweep

CASES = 12
LEARNED = Learned(0.8, 0.4, CASES, 1e-6)
BASE = 0.7 + 0.02 * np.sin(np.arange(CASES))


def _verdict(
    runs: Path,
    gains: Mapping[str, float],
    noise: float = 0.004,
    learned: Learned | None = LEARNED,
    seeds: int = 3,
    split: str = "test",
    failed: Mapping[str, int] = MappingProxyType({}),
) -> Verdict:
    """Return the verdict on rows that differ from `simcvd default` by a gain and by noise of cases and seeds.

    Of `failed` trainings of a row there is a failure in place of scores, the last seeds first.
    """
    generator = np.random.default_rng(0)
    variants: dict[str, dict[int, Any]] = {}
    for name, gain in {"simcvd default": 0.0, **gains}.items():
        variants[name] = {
            seed: [
                {"case_id": f"c{case}", "split": split, "dice": float(BASE[case] + gain + noise * generator.normal())}
                for case in range(CASES)
            ]
            for seed in range(1, seeds + 1)
        }
        for seed in range(seeds, seeds - failed.get(name, 0), -1):
            variants[name][seed] = "nan"
    write_toy_sweep(runs, variants, reference="simcvd default")
    return Verdict(score_sweep(runs, "toy", sides="two-sided"), "simcvd", 0.03, learned)


def test_a_gain_that_is_shown_is_taken(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": -0.05, "tuned": 0.02})
    assert found.takes_tuned
    tuned, supervised, means, choice = found.lines()
    assert tuned.startswith("tuned against simcvd default: +2.")
    assert "on 12 test cases and 3 fresh seeds" in tuned
    assert tuned.endswith("(of +3.00 points on the cases that chose them): the gain holds.")
    assert supervised.startswith("supervised against simcvd default: -")
    assert supervised.endswith(": unlabelled cases help.")
    assert means.startswith("Dice (%): simcvd default 70.")
    assert choice == "The model has the tuned settings."


def test_one_seed_settles_nothing(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, seeds=1)
    assert not found.takes_tuned
    assert found.lines()[0].endswith(": not settled because of one seed.")


def test_cases_that_chose_settle_nothing(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, split="val")
    assert not found.takes_tuned
    assert "these cases chose the settings, so this is too good" in found.lines()[0]


def test_trainings_that_failed_are_told_and_survivors_do_not_decide(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, failed={"tuned": 1})
    assert not found.takes_tuned
    assert "tuned: 1 of 3 trainings are not finished, 1 of them failed." in found.lines()
    assert found.lines()[-1] == "The model has the settings of simcvd default: more is not shown."


def test_where_the_default_can_not_be_trained_the_tuned_settings_are_taken(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, failed={"simcvd default": 3})
    assert found.takes_tuned
    assert found.lines()[-1] == "The model has the tuned settings: no training at the default was finished."
    assert "simcvd default: 3 of 3 trainings are not finished, 3 of them failed." in found.lines()


def test_the_printed_p_is_that_of_scipy(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.0005})
    difference = found.scored.rows[1].difference
    assert difference is not None
    assert difference.test.p == pytest.approx(ttest_rel(difference.variant, difference.reference).pvalue)
    assert difference.test.p > 0.001
    assert f"p = {difference.test.p:.3f} over cases" in found.lines()[0]


def test_a_gain_that_is_not_shown_leaves_the_default(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": 0.0, "tuned": 0.001}, noise=0.03)
    assert not found.takes_tuned
    assert "may be luck" in found.lines()[0] or "has vanished" in found.lines()[0]
    assert found.lines()[-1] == "The model has the settings of simcvd default: more is not shown."


def test_settings_that_are_worse_leave_the_default(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": -0.02})
    assert not found.takes_tuned
    assert found.lines()[0].endswith("the gain has vanished.")


def test_nothing_learned_comes_first(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, learned=Learned(0.31, 0.35, CASES, 0.97))
    assert not found.takes_tuned
    assert not [line for line in found.lines() if "gain holds" in line]
    first = found.lines()[0]
    assert first.startswith("STOP: nothing was learned. The best of them reaches Dice 31.0 % on 12 cases")
    assert "reaches 35.0 %. " in first


def test_a_search_that_found_nothing_says_so(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": 0.0})
    assert found.lines()[0] == "The search found nothing better than simcvd default."
    assert found.lines()[1].endswith("unlabelled cases are not shown to help.")
    assert found.lines()[-1] == "The model has the settings of simcvd default."
