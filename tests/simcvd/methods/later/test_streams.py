from typing import Any

import pytest
import torch
from torch import Tensor

from simcvd.config.later import CutMixSettings
from simcvd.draws import Draws
from simcvd.losses.pseudo_label import PseudoLabel
from simcvd.methods.later.streams import forward_parts, forward_perturbed, strong_stream
from simcvd.networks.vnet import VNet, drop_channels
from simcvd.transforms.boxes import draw_cutmix_boxes

PLAIN: dict[str, Any] = {"jitter_probability": 0, "blur_probability": 0}


def _image(crops: int, seed: int = 0) -> Tensor:
    return torch.randn(crops, 1, 16, 16, 16, generator=torch.Generator().manual_seed(seed))


def _network(dropout: float = 0.0) -> VNet:
    torch.manual_seed(0)
    return VNet(1, 3, width=2, dropout_bottleneck=dropout, dropout_last=dropout)


def test_dropped_channels_are_whole_and_the_others_are_scaled() -> None:
    maps = torch.rand(200, 10, 2, 2, 2, generator=torch.Generator().manual_seed(0)) + 1
    dropped = drop_channels(maps, 0.25, Draws(0, 0).uniform("x", (200, 10)))
    kept = dropped[:, :, 0, 0, 0] > 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.03)
    torch.testing.assert_close(dropped, maps / 0.75 * kept[:, :, None, None, None])


def test_parts_are_predicted_as_by_one_pass_of_the_network() -> None:
    network, parts = _network(0.5), (_image(2), _image(1, 1), _image(1, 2))
    found = forward_parts(network, parts, Draws(0, 0), "student")
    whole = network(torch.cat(parts), Draws(0, 0), "student", (2, 1, 1))
    torch.testing.assert_close(torch.cat([outputs.logits for outputs in found]), whole.logits)
    assert [len(outputs.probs) for outputs in found] == [2, 1, 1]


def test_without_dropped_channels_every_decoding_is_the_networks_own() -> None:
    """In eval mode a decoding is the network's prediction; at rate 0 nothing is dropped."""
    network = _network().eval()
    whole, plain, again = forward_perturbed(network, _image(2), _image(2, 1), (0.0,), 0.0, Draws(0, 0), "student")
    torch.testing.assert_close(whole.logits, network.logits(_image(2)))
    torch.testing.assert_close(plain.logits, network.logits(_image(2, 1)))
    torch.testing.assert_close(again.logits, plain.logits)


def test_the_networks_own_dropout_has_its_own_draws() -> None:
    network = _network(0.5)
    whole, plain = forward_perturbed(network, _image(2), _image(2, 1), (), 0.5, Draws(0, 0), "student")
    expected = network(torch.cat((_image(2), _image(2, 1))), Draws(0, 0), "student", (2, 2)).logits
    torch.testing.assert_close(torch.cat((whole.logits, plain.logits)), expected)


def test_a_perturbed_decoding_is_that_of_maps_with_dropped_channels() -> None:
    network, draws = _network().eval(), Draws(0, 0)
    *_, weak, strong = forward_perturbed(network, _image(1), _image(2, 1), (0.25, 0.75), 0.0, draws, "student")
    bottleneck, skips = network.encode(_image(2, 1))
    for number, (outputs, rate) in enumerate(((weak, 0.25), (strong, 0.75))):
        maps = [
            drop_channels(found, rate, draws.uniform(f"student/perturbed/{number}/{level}", tuple(found.shape[:2])))
            for level, found in enumerate((*skips, bottleneck))
        ]
        expected = network.heads(network.decode(maps.pop(), maps))
        torch.testing.assert_close(outputs.logits, expected)


def test_strong_views_and_their_labels_are_mixed_by_the_same_boxes_with_the_next_crop() -> None:
    image = torch.arange(3.0).view(3, 1, 1, 1, 1).expand(3, 1, 8, 8, 8).contiguous()
    targets = [PseudoLabel(image[:, 0].long() + shift, image[:, 0] / 10 + shift) for shift in (0, 5)]
    settings = CutMixSettings(**PLAIN, box_probability=1)
    seen, mixed = strong_stream(image, targets, settings, Draws(0, 0), "strong", None)
    boxes = draw_cutmix_boxes(Draws(0, 0), "strong/box", 3, probability=1, smallest=0.02, largest=0.4)
    inside = boxes.mask((8, 8, 8))
    assert inside.any()
    expected = torch.where(inside, torch.tensor([1, 2, 0]).view(3, 1, 1, 1), image[:, 0].long())
    assert torch.equal(seen[:, 0].long(), expected)
    for target, shift in zip(mixed, (0, 5), strict=True):
        assert torch.equal(target.label, expected + shift)
        torch.testing.assert_close(target.confidence, expected / 10 + shift)


def test_without_boxes_labels_stay_and_views_change_intensities() -> None:
    image = _image(2)
    target = PseudoLabel((image[:, 0] > 0).long(), image[:, 0].abs())
    settings = CutMixSettings(box_probability=0, jitter_probability=1)
    views = []
    for name in ("first", "second"):
        seen, (mixed,) = strong_stream(image, [target], settings, Draws(0, 0), name, None)
        assert torch.equal(mixed.label, target.label)
        assert torch.equal(mixed.confidence, target.confidence)
        views.append(seen)
    assert not torch.allclose(views[0], views[1])
    assert not torch.allclose(views[0], image)
