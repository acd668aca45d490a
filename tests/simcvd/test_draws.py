import torch

from simcvd.draws import Draws, derived_seed


def test_same_name_and_step_give_the_same_numbers() -> None:
    assert torch.equal(Draws(0, 5).normal("noise", (2, 3)), Draws(0, 5).normal("noise", (2, 3)))


def test_seed_step_and_name_each_change_the_numbers() -> None:
    drawn = [Draws(0, 0).uniform("a", (1,)), Draws(1, 0).uniform("a", (1,)), Draws(0, 1).uniform("a", (1,))]
    drawn.append(Draws(0, 0).uniform("b", (1,)))
    assert len({float(value) for value in drawn}) == 4


def test_workers_share_the_draw_of_one() -> None:
    whole = Draws(3, 4).normal("noise", (4, 2))
    shares = [Draws(3, 4, rank=rank, workers=2).normal("noise", (2, 2)) for rank in range(2)]
    assert torch.equal(whole, torch.cat(shares))


def test_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    Draws(1, 1).normal("noise", (4,))
    assert torch.equal(torch.rand(1), expected)


def test_derived_seed_is_the_same_on_every_machine() -> None:
    assert derived_seed(0, "labeled", 3) == derived_seed(0, "labeled", 3)
    assert 0 <= derived_seed("x") < 2**63
