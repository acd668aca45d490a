from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from simcvd.draws import Draws
from simcvd.networks.base import Segmenter
from simcvd.networks.vnet import VNet


def tiny(**settings: float) -> VNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VNet(1, 2, 1, width=2, **settings)  # type: ignore[arg-type]


def image(batch: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, 32, 16, 16, generator=torch.Generator().manual_seed(1))


@contextmanager
def given_to(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record what a part of a network is given."""
    given: list[torch.Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    yield given
    hook.remove()


def dropped(
    network: VNet, bottleneck: torch.Tensor, draws: Draws, parts: tuple[int, ...] | None = None
) -> torch.Tensor:
    """Return the bottleneck as dropout leaves it to the decoder's first level."""
    batch, channels, *sides = bottleneck.shape
    with given_to(network.up[0]) as given:
        skip = torch.zeros(batch, channels // 2, *(2 * side for side in sides))
        network.decode(bottleneck, [skip], draws, parts=parts, blocks=1)
    return given[0]


@pytest.mark.parametrize(("sdm_channels", "expected"), [(2, 9_448_900), (0, 9_448_866)])
def test_parameter_count_is_the_public_one(sdm_channels: int, expected: int) -> None:
    network = VNet(image_channels=1, classes=2, sdm_channels=sdm_channels)

    assert sum(p.numel() for p in network.parameters()) == expected


def test_levels_have_the_public_numbers_of_convolutions() -> None:
    network = VNet(1, 2)

    assert [len(block) for block in network.encoder] == [1, 2, 3, 3, 3]
    assert [len(block) for block in network.decoder] == [3, 3, 2, 1]
    assert [block[0][0].out_channels for block in network.encoder] == [16, 32, 64, 128, 256]


def test_output_shapes_follow_the_contract() -> None:
    network = VNet(image_channels=2, classes=3, sdm_channels=2, width=2).eval()

    out = network(image(channels=2))

    assert out.logits.shape == (2, 3, 32, 16, 16)
    assert out.sdm.shape == (2, 2, 32, 16, 16)
    assert out.bottleneck.shape == (2, 32, 2, 1, 1)
    assert out.sdm.abs().max() < 1


def test_strides_decide_per_level_and_axis_what_is_halved() -> None:
    """12 slices become 12, 12, 6 and 3, and come back; X and Y are halved four times."""
    network = VNet(1, 2, width=2, strides=((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2))).eval()

    bottleneck, skips = network.encode(torch.zeros(1, 1, 32, 16, 12))

    assert [tuple(skip.shape[2:]) for skip in skips] == [(32, 16, 12), (16, 8, 12), (8, 4, 12), (4, 2, 6)]
    assert bottleneck.shape == (1, 32, 2, 1, 3)
    assert network(torch.zeros(1, 1, 32, 16, 12)).logits.shape == (1, 2, 32, 16, 12)
    assert [unit[0].kernel_size for unit in network.down] == [(2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2)]
    assert [unit[0].kernel_size for unit in network.up] == [(2, 2, 2), (2, 2, 2), (2, 2, 1), (2, 2, 1)]


def test_a_level_without_strides_sees_neither_its_neighbours_nor_less() -> None:
    """A way down of 1 x 1 x 1 is the plain linear map of each voxel's channels."""
    network = VNet(1, 2, width=2, strides=((1, 1, 1), *((2, 2, 2),) * 3)).eval()
    convolution = network.down[0][0]
    maps = torch.randn(1, 2, 3, 3, 3, generator=torch.Generator().manual_seed(0))

    expected = torch.einsum("oi,bixyz->boxyz", convolution.weight[..., 0, 0, 0], maps)
    expected = expected + convolution.bias[:, None, None, None]
    torch.testing.assert_close(convolution(maps), expected)


def test_no_sdm_head_gives_no_sdm() -> None:
    assert VNet(1, 2, width=2).eval()(image()).sdm is None


def test_segmenter_gives_the_class_logits() -> None:
    network = tiny().eval()

    torch.testing.assert_close(Segmenter(network)(image()), network(image()).logits)


def test_eval_mode_ignores_dropout() -> None:
    network = tiny().eval()

    torch.testing.assert_close(network(image(), Draws(0, 0)).logits, network(image(), Draws(1, 1)).logits)


def test_same_draws_give_the_same_output_and_leave_the_global_state() -> None:
    network = tiny()
    before = torch.random.get_rng_state()

    first, second, other = (network(image(), Draws(0, step)).logits for step in (3, 3, 4))

    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_names_give_independent_masks() -> None:
    network = tiny()

    assert not torch.equal(network(image(), Draws(0, 0)).logits, network(image(), Draws(0, 0), "teacher").logits)


def test_dropout_removes_whole_channels_at_its_rate_and_scales_the_rest() -> None:
    out = dropped(tiny(dropout_bottleneck=0.25), torch.ones(32, 32, 2, 3, 2), Draws(0, 0))

    per_channel = out.flatten(2)
    assert torch.equal(per_channel.amin(2), per_channel.amax(2))
    assert set(per_channel.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert (per_channel == 0).float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_dropout_is_applied_after_the_bottleneck_only() -> None:
    network = tiny(dropout_last=0.0)

    first, second = (network(image(), Draws(0, step)) for step in (0, 1))

    assert torch.equal(first.bottleneck, second.bottleneck)
    assert not torch.equal(first.logits, second.logits)


def test_parts_have_the_masks_of_the_whole_batch_on_any_number_of_workers() -> None:
    network = tiny()
    ones = torch.ones(4, 32, 1, 2, 1)

    whole = dropped(network, ones, Draws(0, 0), (2, 2))
    workers = [dropped(network, ones[:2], Draws(0, 0, rank=rank, workers=2), (1, 1)) for rank in (0, 1)]

    assert torch.equal(whole[[0, 2]], workers[0])
    assert torch.equal(whole[[1, 3]], workers[1])
    assert not torch.equal(whole[:2], whole[2:]), "each part has its own"


def test_parts_have_the_last_masks_of_the_whole_batch_on_any_number_of_workers() -> None:
    kept = []
    for crops, draws, parts in (
        (4, Draws(0, 0), (2, 2)),
        *((2, Draws(0, 0, rank=rank, workers=2), (1, 1)) for rank in (0, 1)),
    ):
        network = tiny()
        with given_to(network.heads) as given:
            network(image(crops), draws, parts=parts)
        kept.append(given[0].flatten(2).any(2))
    whole, *workers = kept

    assert torch.equal(whole[[0, 2]], workers[0])
    assert torch.equal(whole[[1, 3]], workers[1])


def test_dropout_without_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="draws"):
        tiny()(image())


def test_parts_of_another_batch_size_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 3"):
        tiny()(image(), Draws(0, 0), parts=(2, 1))


def test_memory_format_changes_nothing_and_is_kept() -> None:
    plain = tiny()
    other = tiny().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    out = other(image().contiguous(memory_format=torch.channels_last_3d), Draws(0, 0))

    torch.testing.assert_close(out.logits, plain(image(), Draws(0, 0)).logits, rtol=0, atol=2e-3)
    assert out.bottleneck.is_contiguous(memory_format=torch.channels_last_3d)


def test_every_parameter_gets_a_gradient() -> None:
    network = tiny(dropout_bottleneck=0.0, dropout_last=0.0)

    out = network(image())
    (out.logits.square().mean() + out.sdm.square().mean()).backward()

    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert all(m.inplace for m in network.modules() if isinstance(m, nn.ReLU))


def test_encoder_and_decoder_alone_make_the_whole_network() -> None:
    network, draws = tiny(), Draws(0, 0)

    with given_to(network.heads) as given:
        expected = network(image(), draws, "n", (1, 1))
    bottleneck, skips = network.encode(image())
    last = network.decode(bottleneck, skips, draws, "n", (1, 1))

    assert torch.equal(bottleneck, expected.bottleneck)
    kept = given[0].flatten(2).any(2)
    assert 0 < kept.sum() < kept.numel(), "the last dropout drops some channels"
    assert torch.equal(given[0], 2 * last * kept[:, :, None, None, None])
    assert torch.equal(network.heads(given[0])[:, :2], expected.logits)
    assert not skips


def test_encoder_gives_a_map_of_every_level() -> None:
    bottleneck, skips = tiny().encode(image())

    assert bottleneck.shape == (2, 32, 2, 1, 1)
    assert [tuple(skip.shape[1:]) for skip in skips] == [(2, 32, 16, 16), (4, 16, 8, 8), (8, 8, 4, 4), (16, 4, 2, 2)]


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_decoder_stops_after_the_asked_levels_and_trains_no_other(blocks: int) -> None:
    network = tiny(dropout_last=0.9)

    volume = network.decode(*network.encode(image()), Draws(0, 0), blocks=blocks)
    volume.square().mean().backward()

    assert volume.shape == (2, 2 << (4 - blocks), 32 >> (4 - blocks), 16 >> (4 - blocks), 16 >> (4 - blocks))
    assert (volume.flatten(2).amax(2) > 0).any(0).sum() > 0.5 * volume.shape[1], "the last dropout is not part of it"
    for levels in (network.up, network.decoder):
        for level, block in enumerate(levels):
            assert all((p.grad is not None) == (level < blocks) for p in block.parameters())
    assert all(p.grad is None for p in network.heads.parameters())
