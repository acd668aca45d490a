import pytest
import torch
from torch import Tensor, nn

from simcvd.networks.convolution import Conv3d, ConvTranspose3d, make_safe


def gradients(layer: nn.Module, x: Tensor, enabled: bool) -> tuple[Tensor, Tensor, Tensor]:
    x = x.clone().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        out = layer(x)
    target = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    (out.float() * target).sum().backward()
    assert x.grad is not None
    return out, next(layer.parameters()).grad.clone(), x.grad  # type: ignore[union-attr]


LAYERS = {
    "3x3x3": (lambda: Conv3d(4, 4, 3, padding=1), (2, 2, 2)),
    "3x3x3 with one small side": (lambda: Conv3d(4, 4, 3, padding=1), (4, 2, 4)),
    "3x3x3 of side 1": (lambda: Conv3d(4, 4, 3, padding=1), (1, 1, 1)),
    "down to 2": (lambda: Conv3d(4, 8, 2, stride=2), (4, 4, 4)),
    "down to 1": (lambda: Conv3d(4, 8, 2, stride=2), (2, 2, 2)),
    "up from 2": (lambda: ConvTranspose3d(8, 4, 2, stride=2), (2, 2, 2)),
    "up from 1": (lambda: ConvTranspose3d(8, 4, 2, stride=2), (1, 1, 1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_small_blocks_under_bfloat16_agree_with_float32(name: str) -> None:
    make, sides = LAYERS[name]
    torch.manual_seed(0)
    layer = make()
    x = torch.randn(2, next(layer.parameters()).shape[0 if isinstance(layer, ConvTranspose3d) else 1], *sides)

    expected, expected_weight, expected_x = gradients(layer, x, enabled=False)
    out, weight, x_gradient = gradients(layer, x, enabled=True)

    assert out.dtype == torch.bfloat16
    for found, wanted in ((out, expected), (weight, expected_weight), (x_gradient, expected_x)):
        assert (found.float() - wanted).norm() / wanted.norm() < 0.01


def test_larger_blocks_stay_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    monkeypatch.setattr(nn.Conv3d, "forward", lambda self, x: seen.append(x.dtype) or x)
    layer = Conv3d(1, 1, 3, padding=1)

    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.zeros(1, 1, 3, 3, 3, dtype=torch.bfloat16))
        layer(torch.zeros(1, 1, 3, 3, 2, dtype=torch.bfloat16))

    assert seen == [torch.bfloat16, torch.float32]


def test_without_autocast_it_is_torchs_own() -> None:
    torch.manual_seed(0)
    layer = Conv3d(2, 3, 3, padding=1)
    x = torch.randn(1, 2, 2, 2, 2)

    assert torch.equal(layer(x), nn.functional.conv3d(x, layer.weight, layer.bias, padding=1))


def test_a_network_of_torchs_own_convolutions_is_made_safe_and_keeps_its_weights() -> None:
    class Other(nn.Conv3d):
        """Convolves in its own way."""

    network = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.ConvTranspose3d(4, 4, 2, stride=2), Other(4, 4, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    make_safe(network)
    assert [type(module) for module in network] == [Conv3d, ConvTranspose3d, Other]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    x = torch.randn(2, 4, 2, 2, 2)
    _, expected, _ = gradients(network[0], x, enabled=False)
    _, found, _ = gradients(network[0], x, enabled=True)
    assert (found - expected).norm() / expected.norm() < 0.01
