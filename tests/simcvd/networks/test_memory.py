import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from simcvd.config.types import HALVING, Strides, Vox3
from simcvd.draws import Draws
from simcvd.networks.memory import vnet_memory
from simcvd.networks.vnet import VNet

THICK: Strides = ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2))


@pytest.mark.parametrize(
    ("crop", "strides", "width"), [((32, 32, 32), HALVING, 8), ((64, 32, 32), HALVING, 4), ((64, 64, 12), THICK, 8)]
)
def test_what_is_kept_is_what_autograd_saves_of_the_maps(crop: Vox3, strides: Strides, width: int) -> None:
    """Each map once, whoever needs it; the heads' and the losses' maps, a tenth at most, are counted generously."""
    network = VNet(1, 2, 1, width=width, strides=strides)
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, int] = {}
    kept: list[torch.Tensor] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)  # or its memory would be another map's
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        network(torch.zeros(1, 1, *crop), Draws(0, 0))
    counted = vnet_memory(crop, strides, width, 1, 3)
    losses = 4 * crop[0] * crop[1] * crop[2] * 8 * 3
    assert counted.kept - losses == pytest.approx(sum(saved.values()), rel=0.03)


def test_weights_are_those_of_the_convolutions() -> None:
    for strides in (HALVING, THICK):
        network = VNet(2, 3, 2, width=4, strides=strides)
        convolutions = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim == 5)
        assert vnet_memory((16, 16, 16), strides, 4, 2, 5).weights == 4 * convolutions
