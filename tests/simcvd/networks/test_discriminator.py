import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from simcvd.draws import Draws
from simcvd.networks.discriminator import Discriminator, build_discriminator


def _inputs(crops: int, *sides: int, maps: int = 2, channels: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = torch.randn(crops, maps, *sides, generator=generator).softmax(1)
    return probs, torch.randn(crops, channels, *sides, generator=generator)


def _parameters(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_size_is_the_public_networks_less_one_bias() -> None:
    """Convolutions 2 (64 64 + 64), 64 64 128 + 128, 128 64 256 + 256, 256 64 512 + 512; classifier 512 2 + 2."""
    public = 2 * (64 * 64 + 64) + (64 * 64 * 128 + 128) + (128 * 64 * 256 + 256) + (256 * 64 * 512 + 512) + 1026
    network = Discriminator(image_channels=1, map_channels=1)
    assert sum(parameter.numel() for parameter in network.parameters()) == public - 64


def test_one_first_convolution_is_the_sum_of_two() -> None:
    """As in the public code: maps and image have convolutions of their own; the average has the last map's size."""
    network = build_discriminator(0, image_channels=2, map_channels=3, width=4)
    maps, image = _inputs(2, 48, 32, 16, maps=3, channels=2)
    first, *others = network.convolutions
    of_maps, of_image = first.weight.split((3, 2), 1)
    x = functional.conv3d(maps, of_maps, first.bias, 2, 1) + functional.conv3d(image, of_image, None, 2, 1)
    x = functional.leaky_relu(x, 0.2)
    for convolution in others:
        x = functional.leaky_relu(functional.conv3d(x, convolution.weight, convolution.bias, 2, 1), 0.2)
    expected = network.classifier(nn.AvgPool3d((3, 2, 1))(x).flatten(1))
    torch.testing.assert_close(network(maps, image), expected)


@pytest.mark.parametrize("sides", [(16, 16, 16), (32, 16, 48)])
def test_any_crop_of_multiples_of_16_is_judged(sides: tuple[int, int, int]) -> None:
    logits = build_discriminator(0, 1, 2, width=2)(*_inputs(3, *sides))
    assert logits.shape == (3, 2)
    assert logits.isfinite().all()


def test_an_axis_that_the_v_net_keeps_is_kept_here() -> None:
    network = build_discriminator(0, 1, 2, 2, ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 1)))
    maps, image = _inputs(3, 32, 16, 6)
    sides = []
    x = torch.cat((maps, image), 1)
    for convolution in network.convolutions:
        x = convolution(x)
        sides.append(tuple(x.shape[2:]))
    assert sides == [(16, 8, 6), (8, 4, 6), (4, 2, 3), (2, 1, 3)]
    assert network(maps, image).isfinite().all()


def test_dropout_acts_with_draws_only_and_differs_by_step() -> None:
    network = build_discriminator(0, 1, 2, width=8)
    inputs = _inputs(2, 16, 16, 16)
    assert network.training
    assert torch.equal(network(*inputs), network(*inputs))
    assert torch.equal(network(*inputs, Draws(0, 0)), network(*inputs, Draws(0, 0)))
    assert not torch.equal(network(*inputs, Draws(0, 0)), network(*inputs))
    assert not torch.equal(network(*inputs, Draws(0, 0)), network(*inputs, Draws(0, 1)))


def test_dropout_removes_half_of_the_channels_whole_and_doubles_the_others() -> None:
    network = build_discriminator(0, 1, 2, width=64)
    given: list[Tensor] = []
    for convolution in network.convolutions:
        convolution.register_forward_pre_hook(lambda _, x: given.append(x[0].detach().clone()))
    maps, image = _inputs(4, 16, 16, 16)
    network(maps, image)
    undropped, given[:] = given[1], []
    network(maps, image, Draws(0, 0))
    assert torch.equal(given[0], torch.cat((maps, image), 1))
    dropped = (given[1] == 0).flatten(2).all(2)  # of the first level's 4 x 64 channels
    assert dropped.float().mean().item() == pytest.approx(0.5, abs=0.1)
    torch.testing.assert_close(given[1][~dropped], 2 * undropped[~dropped])
    for later in given[2:]:
        assert (later == 0).flatten(2).all(2).float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_masks_of_labelled_and_unlabelled_crops_do_not_depend_on_the_workers() -> None:
    network = build_discriminator(0, 1, 2, width=4)
    maps, image = _inputs(4, 16, 16, 16)
    whole = network(maps, image, Draws(0, 0), (2, 2))
    for rank in range(2):
        own = [rank, 2 + rank]
        share = network(maps[own], image[own], Draws(0, 0, rank=rank, workers=2), (1, 1))
        torch.testing.assert_close(share, whole[own])


def test_parts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 3, expected the batch size 2"):
        build_discriminator(0, 1, 2, width=2)(*_inputs(2, 16, 16, 16), Draws(0, 0), (1, 2))


def test_initial_weights_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first, same, other = (_parameters(build_discriminator(seed, 1, 2, width=2)) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_convolutions_under_bfloat16_agree_with_float32() -> None:
    """Each by itself, down to a side of 1: a change of sign before a leaky ReLU would add up over the levels."""
    network = build_discriminator(0, 1, 2, width=4)
    for side, convolution in zip((16, 8, 4, 2), network.convolutions, strict=True):
        x = torch.randn(
            2, convolution.weight.shape[1], side, 2 * side, side, generator=torch.Generator().manual_seed(1)
        )
        results = []
        for enabled in (False, True):
            given = x.clone().requires_grad_()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                out = convolution(given)
            target = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
            results.append((out, *torch.autograd.grad((out.float() * target).sum(), [given, convolution.weight])))
        for wanted, found in zip(*results, strict=True):
            assert (found.float() - wanted).norm() / wanted.norm() < 0.01, side


def test_logits_are_float32_under_bfloat16() -> None:
    network = build_discriminator(0, 1, 2, width=4)
    inputs = _inputs(2, 16, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(*inputs)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, network(*inputs), rtol=0.02, atol=0.01)
