import torch
from torch import nn

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.networks.build import build_network, seeded_weights
from tests.tiny_trial import NARROW


def _config() -> TrialConfig:
    return apply_settings(load_preset("phantom"), NARROW)


def _drawn(seed: int, *name: str) -> torch.Tensor:
    with seeded_weights(seed, *name):
        return nn.Linear(3, 4).weight.detach()


def test_initial_weights_are_of_the_seed_and_the_name_whatever_the_global_state() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = _drawn(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(_drawn(0), first)
    assert not torch.equal(_drawn(1), first)
    assert not torch.equal(_drawn(0, "peer"), first)


def test_the_network_is_that_of_the_settings_channels_last() -> None:
    network = build_network(_config(), 2, 3, sdm_channels=1)
    assert (network.classes, network.sdm_channels, network.dropout_last) == (3, 1, 0.5)
    first = network.encoder[0][0][0].weight
    assert first.shape[:2] == (2, 2)
    assert first.is_contiguous(memory_format=torch.channels_last_3d)
