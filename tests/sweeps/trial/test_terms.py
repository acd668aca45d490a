import pytest

from sweeps.trial.terms import Terms


@pytest.mark.parametrize(
    ("terms", "over"),
    [
        (Terms(), {"finished"}),
        (Terms(test=False), {"finished", "validated"}),
        (Terms(judge=lambda step, scores: True), {"finished", "stopped"}),
        (Terms(test=False, judge=lambda step, scores: True), {"finished", "validated", "stopped"}),
    ],
)
def test_a_trial_that_has_all_that_is_wanted_of_it_is_over(terms: Terms, over: set[str]) -> None:
    assert terms.over == over
