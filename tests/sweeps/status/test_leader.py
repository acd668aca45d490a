from sweeps.status.leader import leader
from sweeps.status.trial import TrialState


def _running(name: str, *validations: tuple[int, float], step: int = 500) -> TrialState:
    dice = validations[-1][1] if validations else None
    return TrialState(name, "running", step, 600, dice=dice, dice_split="val", validations=validations)


def _finished(name: str, val: float | None, step: int = 600) -> TrialState:
    return TrialState(name, "finished", step, step, dice=0.9, dice_split="test", val_dice=val)


def test_a_trial_that_runs_is_not_compared_with_those_that_are_finished() -> None:
    found = leader([_running("a", (200, 0.9)), _finished("b", 0.5), _finished("c", 0.6)], [False] * 3)
    assert found is not None
    assert (found.place, found.val_dice, found.step, found.of) == (2, 0.6, 600, 2)
    assert found.sentence("c seed 0") == "Best of 2 finished: c seed 0, val Dice 60.0 % at step 600"


def test_before_one_is_finished_those_that_run_are_compared_at_the_last_step_that_two_have_reached() -> None:
    far = _running("a", (200, 0.3), (400, 0.8))
    trials = [far, _running("b", (200, 0.5)), _running("c", (200, 0.4)), TrialState("d", "waiting")]
    found = leader(trials, [False] * 4)
    assert found is not None
    assert (found.place, found.val_dice, found.step, found.of) == (1, 0.5, 200, 3)
    assert found.sentence("b seed 0") == "Best of 3 at step 200: b seed 0, val Dice 50.0 %"


def test_nothing_is_best_where_nothing_can_be_compared() -> None:
    assert leader([], []) is None
    assert leader([_running("a", (200, 0.3)), _running("b")], [False, False]) is None
    assert leader([_running("a", (200, 0.3)), _running("b", (300, 0.5))], [False, False]) is None
    assert leader([_finished("a", None), TrialState("b", "failed")], [False, False]) is None


def test_what_a_search_has_tried_for_fewer_steps_is_not_compared() -> None:
    short = TrialState("a", "validated", 100, 100, dice=0.9, dice_split="val")
    whole = TrialState("b", "validated", 300, 300, dice=0.7, dice_split="val")
    stopped = TrialState("c", "stopped", 300, 300, dice=0.8, dice_split="val")
    found = leader([short, whole, stopped], [True] * 3)
    assert found is not None
    assert (found.place, found.of) == (1, 1)
    # A sweep may have variants of different length, each of which is complete.
    found = leader([short, whole], [False, False])
    assert found is not None
    assert (found.place, found.step, found.of) == (0, 100, 2)


def test_the_first_of_equal_ones_is_the_best() -> None:
    found = leader([_finished("a", 0.5), _finished("b", 0.5)], [False, False])
    assert found is not None
    assert found.place == 0


def test_finished_trials_of_a_variant_are_compared_after_equal_steps() -> None:
    """Two of three have 600 steps; the third one's seed had 900."""
    trials = [_finished("a", 0.9, 900), _finished("b", 0.5), _finished("c", 0.6)]
    found = leader(trials, [False] * 3, ["x", "x", "y"])
    assert found is not None
    assert (found.place, found.step, found.of) == (2, 600, 2)
    found = leader([_finished("a", 0.5), _finished("b", 0.4, 900)], [False] * 2, ["x", "x"])
    assert found is not None
    assert (found.place, found.step, found.of) == (1, 900, 1), "of two numbers that are as common, the larger one"


def test_where_variants_set_their_steps_all_are_compared_and_it_is_said() -> None:
    trials = [_finished("a", 0.5, 100), _finished("b", 0.4, 100), _finished("c", 0.6, 400)]
    found = leader(trials, [False] * 3, ["short", "short", "long"])
    assert found is not None
    assert found.sentence("c") == "Best of 3 finished after 100 to 400 steps: c, val Dice 60.0 % at step 400"


def test_what_is_searched_for_fewer_steps_than_a_confirmed_trial_is_not_compared() -> None:
    short = TrialState("a", "validated", 100, 100, dice=0.9, dice_split="val")
    found = leader([short, _finished("b", 0.5, 300)], [True, False], ["search 1", "best"])
    assert found is not None
    assert (found.place, found.of) == (1, 1)


def test_a_dice_of_nan_is_none() -> None:
    nan = float("nan")
    found = leader([_finished("a", nan), _finished("b", 0.5)], [False, False])
    assert found is not None
    assert (found.place, found.of) == (1, 1)
    assert leader([_finished("a", nan)], [False]) is None
    found = leader([_running("a", (200, nan)), _running("b", (200, 0.3)), _running("c", (200, 0.4))], [False] * 3)
    assert found is not None
    assert (found.place, found.of) == (2, 2)
