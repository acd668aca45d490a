import pytest

from sweeps.status.score import percent, told_dice


@pytest.mark.parametrize(("dice", "told"), [(0.0, "0.0 %"), (0.81546, "81.5 %"), (1.0, "100.0 %")])
def test_a_score_is_told_in_percent(dice: float, told: str) -> None:
    assert percent(dice) == told
    assert told_dice(dice, "test") == f"test Dice {told}"
