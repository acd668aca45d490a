"""The verdict in words, from records in which every score is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from analysis.comparison.scored_sweep import score_sweep
from sweeps.tuning.decide import Learned
from sweeps.tuning.verdict import Verdict
from tests.analysis.made_runs import write_toy_sweep

CASES = 12
LEARNED = Learned(0.8, 0.4, CASES, 1e-6)
BASE = 0.7 + 0.02 * np.sin(np.arange(CASES))


def _verdict(runs: Path, gains: dict[str, float], noise: float = 0.004, learned: Learned | None = LEARNED) -> Verdict:
    """Return the verdict on rows that differ from `simcvd default` by a gain and by noise of cases and seeds."""
    generator = np.random.default_rng(0)
    variants = {}
    for name, gain in {"simcvd default": 0.0, **gains}.items():
        variants[name] = {
            seed: [
                {"case_id": f"c{case}", "dice": float(BASE[case] + gain + noise * generator.normal())}
                for case in range(CASES)
            ]
            for seed in (1, 2, 3)
        }
    write_toy_sweep(runs, variants, reference="simcvd default")
    return Verdict(score_sweep(runs, "toy", two_sided=True), "simcvd", 0.03, learned)


def test_a_gain_that_is_shown_is_taken(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": -0.05, "tuned": 0.02})
    assert found.takes_tuned
    tuned, supervised, means, choice = found.lines()
    assert tuned.startswith("tuned against simcvd default: +2.")
    assert "on 12 test cases and 3 fresh seeds" in tuned
    assert tuned.endswith("(of +3.00 points on the cases that chose them): the gain holds.")
    assert supervised.startswith("supervised against simcvd default: -")
    assert supervised.endswith("unlabelled cases help.")
    assert means.startswith("Dice (%): simcvd default 70.")
    assert choice == "The final model has the tuned settings."


def test_the_printed_p_is_that_of_scipy(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.0005})
    difference = found.tuned.difference if found.tuned else None
    assert difference is not None
    assert difference.test.p == pytest.approx(ttest_rel(difference.variant, difference.reference).pvalue)
    assert difference.test.p > 0.001
    assert f"p = {difference.test.p:.3f} over cases" in found.lines()[0]


def test_a_gain_that_is_not_shown_leaves_the_default(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": 0.0, "tuned": 0.001}, noise=0.03)
    assert not found.takes_tuned
    assert "may be luck" in found.lines()[0] or "has vanished" in found.lines()[0]
    assert found.lines()[-1] == "The final model has the settings of simcvd default: more is not shown."


def test_settings_that_are_worse_leave_the_default(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": -0.02})
    assert not found.takes_tuned
    assert found.lines()[0].endswith("the gain has vanished.")


def test_nothing_learned_comes_first(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"tuned": 0.02}, learned=Learned(0.31, 0.35, CASES, 0.97))
    first = found.lines()[0]
    assert first.startswith("STOP: nothing was learned. The best of them reaches Dice 31.0 % on 12 cases")
    assert "reaches 35.0 %, p = 0.97" in first


def test_a_search_that_found_nothing_says_so(tmp_path: Path) -> None:
    found = _verdict(tmp_path, {"supervised": 0.0})
    assert found.lines()[0] == "The search found nothing better than simcvd default."
    assert found.lines()[1].endswith("unlabelled cases are not shown to help.")
    assert found.lines()[-1] == "The final model has the settings of simcvd default."
