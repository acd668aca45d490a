from typing import Any

import pytest

from analysis.statistics import CrossedTest, Interval, PairedTest, comparison_warnings

WIDE = Interval(20, 0.95, -0.012, -0.031, 0.007)
NARROW = Interval(80, 0.95, -0.012, -0.02, -0.004)
TEST = PairedTest(80, -0.012, 0.004)


def over_seeds(p: float | None) -> CrossedTest:
    return CrossedTest(3, 80, 0, -0.012, 1e-4, 1e-5, p, NARROW)


def test_nothing_is_said_of_a_sound_comparison() -> None:
    assert comparison_warnings(NARROW, 3, normality=0.4, test=TEST, over_seeds=over_seeds(0.03)) == ()


@pytest.mark.parametrize(
    ("interval", "seeds", "given", "said"),
    [
        (NARROW, 0, {}, "No seed in common, so luck is hard to tell apart; train three or more."),
        (NARROW, 1, {}, "Only one seed, so the difference may be the luck of one training; train three or more."),
        (NARROW, 2, {}, "Only 2 seeds, so luck is hard to tell apart; train three or more."),
        (
            WIDE,
            3,
            {"scale": 100, "unit": "%"},
            "With only 20 cases the difference of -1.20 % is uncertain: -3.10 % to 0.70 % (95% interval).",
        ),
        (
            Interval(1, 0.95, -0.012, None, None, "there is one value only"),
            3,
            {},
            "With only one case the difference has no interval: there is one value only.",
        ),
        (NARROW, 3, {"unmatched_cases": 1}, "One case is scored on one side only and left out of the difference."),
        (NARROW, 3, {"unmatched_cases": 4}, "4 cases are scored on one side only and left out of the difference."),
        (
            NARROW,
            3,
            {"empty_predictions": 2},
            "2 predictions are empty although the label is not: overlap counts as 0, while distances are missing and "
            "leave their cases out, which flatters the side with more of them.",
        ),
        (
            NARROW,
            3,
            {"normality": 0.002},
            "The differences do not look normal (Shapiro-Wilk p = 0.002), so the t-test is rough; look at the "
            "signed-rank test as well.",
        ),
        (
            NARROW,
            3,
            {"test": TEST, "over_seeds": over_seeds(0.21)},
            "The difference holds for these trained networks (p = 0.004 over cases), but other seeds could undo it "
            "(p = 0.21 over seeds and cases).",
        ),
    ],
)
def test_each_doubt_is_one_sentence(interval: Interval, seeds: int, given: dict[str, Any], said: str) -> None:
    assert comparison_warnings(interval, seeds, **given) == (said,)


def test_missing_tests_say_nothing_and_no_cases_no_width() -> None:
    none = Interval(0, 0.95, None, None, None, "there are no values")
    assert comparison_warnings(none, 3, test=PairedTest(0, None, None), over_seeds=over_seeds(None)) == ()


def test_all_doubts_come_in_their_order() -> None:
    told = comparison_warnings(
        WIDE, 2, unmatched_cases=1, empty_predictions=1, normality=0.01, test=TEST, over_seeds=over_seeds(0.5)
    )
    assert [sentence.split()[0] for sentence in told] == ["Only", "The", "With", "One", "One", "The"]
    assert all(sentence.endswith(".") for sentence in told)
