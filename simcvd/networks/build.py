"""Networks as a trial's settings want them, their initial weights drawn from its seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from simcvd.config import TrialConfig
from simcvd.config.network import VNET
from simcvd.draws import derived_seed
from simcvd.networks.base import Network
from simcvd.networks.others.adapted import AdaptedNetwork
from simcvd.networks.registry import builder
from simcvd.networks.vnet import VNet


@contextmanager
def seeded_weights(seed: int, name: str = "initial weights") -> Iterator[None]:
    """Draw the initial weights of all networks built inside from `seed` and `name`; the global state stays as it was.

    Args:
        seed: the trial's seed.
        name: another name gives other weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(seed, name))
        yield


def build_network(config: TrialConfig, image_channels: int, classes: int, sdm_channels: int = 0) -> Network:
    """Return the network of the trial's settings, channels last in memory.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        sdm_channels: K, channels of the second head; 0 leaves it out.

    Raises:
        UserError: there is no such network, or a package that it needs is not installed.
    """
    settings = config.network
    network: Network
    if settings.name == VNET:
        network = VNet(
            image_channels,
            classes,
            sdm_channels,
            settings.width,
            settings.dropout_bottleneck,
            settings.dropout_last,
            settings.strides,
        )
    else:
        body = builder(settings.name)(config, image_channels, classes + sdm_channels)
        network = AdaptedNetwork(body, classes, sdm_channels)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stub: 4D only
    return network


def compile_networks(networks: nn.ModuleDict) -> None:
    """Run every segmenting network through torch.compile, in place, so that state dicts keep their keys."""
    for network in networks.values():
        if isinstance(network, Network):
            network.compile()
