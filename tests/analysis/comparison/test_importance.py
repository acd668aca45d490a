from collections.abc import Mapping

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from analysis.comparison.importance import FEWEST_TRIALS, Importances, importances, quiet

SPACE = {name: FloatDistribution(0.0, 1.0) for name in ("matters", "idle")}
SEVERAL = 4 * FEWEST_TRIALS


def trial(number: int, value: float | None, at: Mapping[int, float] | None = None) -> FrozenTrial:
    """`matters` rises with the number; `idle` runs through its values in another order."""
    params = {"matters": number / SEVERAL, "idle": number * 7 % SEVERAL / SEVERAL}
    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    made = create_trial(
        state=state, value=value, params=params, distributions=SPACE, intermediate_values=dict(at or {})
    )
    made.number = number
    return made


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_setting_that_decides_explains_more_than_one_that_does_not(higher_is_better: bool) -> None:
    found = importances([trial(n, n / SEVERAL) for n in range(SEVERAL)], higher_is_better)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["matters"] > 0.9
    assert (found.trials, found.steps, found.basis) == (SEVERAL, None, f"{SEVERAL} trials")


def test_trials_are_compared_where_most_of_them_have_a_value() -> None:
    """All reach step 100, half 1,000, three the end."""
    trials = [
        trial(n, 0.9 if n < 3 else None, {100: n / SEVERAL} | ({1000: 0.5} if n % 2 else {})) for n in range(SEVERAL)
    ]
    found = importances(trials, True)
    assert (found.trials, found.steps, found.basis) == (SEVERAL, 100, f"{SEVERAL} trials after 100 steps")
    assert found.shares["matters"] > 0.9


@pytest.mark.parametrize(
    "values",
    [
        [n / SEVERAL for n in range(FEWEST_TRIALS - 1)],
        [0.5] * FEWEST_TRIALS,
        [*(n / SEVERAL for n in range(FEWEST_TRIALS - 1)), float("inf")],
    ],
    ids=["few", "equal", "one of ten infinite"],
)
def test_too_few_values_or_equal_ones_tell_nothing(values: list[float]) -> None:
    assert importances([trial(n, value) for n, value in enumerate(values)], True) == Importances()


def test_optuna_is_as_talkative_as_before() -> None:
    before = optuna.logging.get_verbosity()
    with quiet():
        assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert optuna.logging.get_verbosity() == before
