"""Schedules: what fits, what is given up, and in which order."""

from dataclasses import replace

import pytest

from simcvd.errors import UserError
from sweeps.tuning.schedule import (
    FEWEST_TRIALS,
    MOST_TRIALS,
    RESERVE,
    STAGE_S,
    USUAL_TRIALS,
    TrialTimes,
    Wanted,
    make_schedule,
    search_seconds,
)

STEPS = 1000


def times(steps: int, folds: int) -> TrialTimes:
    """Return times that are proportional to the steps: 100 s for all of them, 20 s more for test cases."""
    part = steps / STEPS
    return TrialTimes(val=100 * part, test=100 * part + 20, supervised_val=50 * part, supervised_test=50 * part + 20)


WANTED = Wanted(steps=STEPS, folds=(0,))


def test_without_a_limit_everything_is_done() -> None:
    made = make_schedule(replace(WANTED, folds=(5, 3, 0)), times)
    assert (made.steps, made.folds, made.trials, made.seeds, made.finals) == (STEPS, 5, USUAL_TRIALS, 3, 3)
    assert [stage.name for stage in made.stages] == ["baseline", "search", "confirm", "final"]
    assert made.reasons == ()


def test_the_time_of_each_stage_worked_by_hand() -> None:
    made = make_schedule(replace(WANTED, trials=10), times)
    baseline, search, confirm, final = made.stages
    assert (baseline.trials, baseline.seconds) == (2, STAGE_S + 100 + 50)
    # Nine beside the default: 9 x 60 s, 5 x 20 s, 4 x 20 s.
    assert (search.trials, search.seconds) == (10, STAGE_S + 540 + 100 + 80)
    # Tuned and default, three seeds each, and supervised training.
    assert (confirm.trials, confirm.seconds) == (9, STAGE_S + 6 * 120 + 3 * 70)
    assert (final.trials, final.seconds) == (3, STAGE_S + 3 * 120)
    assert made.after("search") == confirm.seconds + final.seconds
    assert made.after("final") == 0


def test_two_slots_take_half_the_time_of_the_baseline() -> None:
    one, two = (make_schedule(replace(WANTED, slots=slots), times).stages[0] for slots in (1, 2))
    assert two.seconds - STAGE_S == pytest.approx((one.seconds - STAGE_S) / 2)


@pytest.mark.parametrize("time_s", [900, 1200, 2000, 3600, 10_000, 100_000])
@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("folds", [(0,), (5, 3, 0), (4,)])
def test_a_schedule_fits_its_time(time_s: float, slots: int, folds: tuple[int, ...]) -> None:
    wanted = replace(WANTED, time_s=time_s, slots=slots, folds=folds)
    try:
        made = make_schedule(wanted, times)
    except UserError:
        assert folds == (4,)
        assert time_s < 1200
        return
    assert made.seconds <= time_s * (1 - RESERVE)
    assert FEWEST_TRIALS <= made.trials <= MOST_TRIALS
    assert made.folds in folds


def test_more_time_is_never_spent_on_less() -> None:
    found = [
        make_schedule(replace(WANTED, time_s=float(time), folds=(5, 3, 0)), times) for time in range(900, 20_000, 300)
    ]
    assert [made.steps for made in found] == sorted(made.steps for made in found)
    full = [made for made in found if made.steps == STEPS and made.folds == 5 and made.seeds == 3 and made.finals == 3]
    assert len(full) > 5
    assert [made.trials for made in full] == sorted(made.trials for made in full)


def test_what_is_given_up_is_said() -> None:
    made = make_schedule(replace(WANTED, time_s=1200.0, folds=(5, 3, 0), trials=30), times)
    assert made.steps < STEPS or made.seeds < 3
    told = " ".join(made.reasons)
    assert "val cases alone choose in place of 5 folds" in told
    assert f"{made.trials} settings in place of 30" in told


def test_a_time_that_is_too_short_says_what_would_do() -> None:
    with pytest.raises(UserError, match=r"--time-budget 1m is too short: the least .* takes about \d+ min"):
        make_schedule(replace(WANTED, time_s=60.0, asked="--time-budget 1m"), times)


def test_stages_that_are_skipped_take_no_time() -> None:
    made = make_schedule(replace(WANTED, search=False, confirm=False, final=False, supervised=False), times)
    assert [(stage.name, stage.trials) for stage in made.stages] == [("baseline", 1)]
    assert (made.trials, made.finals) == (0, 0)
    bare = make_schedule(replace(WANTED, baseline=False, supervised=False, trials=3), times)
    assert [stage.name for stage in bare.stages] == ["search", "confirm", "final"]
    assert bare.stages[0].seconds == STAGE_S + search_seconds(3, [60, 20, 20], 1)  # the default is trained there


def test_without_a_comparison_there_is_one_final_training() -> None:
    for time_s in (None, 5000.0):
        made = make_schedule(replace(WANTED, confirm=False, time_s=time_s), times)
        assert made.finals == 1
        assert not [reason for reason in made.reasons if "ensemble" in reason]


def test_halving_lets_a_third_go_on_and_a_few_early_ones() -> None:
    assert search_seconds(9, [10.0], 1) == 90
    assert search_seconds(9, [10.0, 1.0], 1) == 95
    assert search_seconds(9, [10.0, 1.0], 3) == 32
    assert search_seconds(0, [10.0, 1.0], 1) == 0
