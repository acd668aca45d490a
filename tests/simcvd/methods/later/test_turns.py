import pytest
import torch

from simcvd.draws import Draws
from simcvd.methods.later.turns import Turns


def test_turns_of_three_periods_worked_by_hand() -> None:
    """Periods of 2, 3 and 4 steps: steps 0, 1 are the first teacher's, 2 to 4 the second one's, 5 to 8 the first's."""
    turns = Turns(first=[0, 2, 5], before=[0, 0, 2])
    assert [turns.at(step) for step in range(9)] == [
        *((0, 0), (0, 1)),
        *((1, 0), (1, 1), (1, 2)),
        *((0, 2), (0, 3), (0, 4), (0, 5)),
    ]


@pytest.mark.parametrize("longest", [1, 4])
def test_periods_have_every_length_up_to_the_longest_and_both_teachers_count_their_own_steps(longest: int) -> None:
    turns = Turns.of(seed=1, steps=400, longest=longest)
    assert {b - a for a, b in zip(turns.first, turns.first[1:], strict=False)} == set(range(1, longest + 1))
    had = [0, 0]
    for step in range(400):
        teacher, before = turns.at(step)
        assert before == had[teacher]
        had[teacher] += 1
    assert min(had) > 100


def test_turns_hang_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    one = Turns.of(0, 50, 19)
    assert one == Turns.of(0, 50, 19) != Turns.of(1, 50, 19)
    first = torch.randint(1, 20, (50,), generator=Draws(0, 0).generator("ad_mt/periods"))[0]
    assert one.first[1] == first
