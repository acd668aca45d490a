"""The networks by name, and how methods are listed too; torch is imported only when one is made."""

import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from simcvd.config import TrialConfig
from simcvd.config.declaration import Kind
from simcvd.config.network import VNET
from simcvd.config.plugins import declared_by_plugins
from simcvd.errors import UserError
from simcvd.nearest import did_you_mean

if TYPE_CHECKING:
    from torch import nn

    Build = Callable[[TrialConfig, int, int], nn.Module]


class NetworkEntry(NamedTuple):
    """A built-in network's place in the code and in the literature.

    Attributes:
        module: where it is built.
        build: name of what builds it, from settings, channels of the image and of all outputs together. The module that
            it returns maps `[B, I, X, Y, Z]` to all outputs, class logits first, and the bottleneck map.
        summary: a line.
        paper: where it is from.
        doi: of the paper.
        extra: of this package, where another one is needed.
    """

    module: str
    build: str
    summary: str
    paper: str
    doi: str
    extra: str | None = None


class Described(NamedTuple):
    """What lists show of a method or a network."""

    name: str
    summary: str
    paper: str
    doi: str


NETWORKS: dict[str, NetworkEntry] = {
    VNET: NetworkEntry(
        "simcvd.networks.vnet",
        "VNet",
        "the paper's, and that of the left-atrium literature",
        "Milletari et al., 3DV 2016",
        "10.48550/arXiv.1606.04797",
    ),
    "unet": NetworkEntry(
        "simcvd.networks.others.monai_networks",
        "unet",
        "MONAI's UNet with residual units",
        "Kerfoot et al., STACOM 2018",
        "10.1007/978-3-030-12029-0_40",
        "monai",
    ),
    "dynunet": NetworkEntry(
        "simcvd.networks.others.monai_networks",
        "dynunet",
        "MONAI's DynUNet, the plain U-Net of nnU-Net",
        "Isensee et al., Nature Methods 2021",
        "10.1038/s41592-020-01008-z",
        "monai",
    ),
    "segresnet": NetworkEntry(
        "simcvd.networks.others.monai_networks",
        "segresnet",
        "MONAI's SegResNet, without its autoencoder",
        "Myronenko, BrainLes 2018",
        "10.48550/arXiv.1810.11654",
        "monai",
    ),
    "swin_unetr": NetworkEntry(
        "simcvd.networks.others.monai_networks",
        "swin_unetr",
        "MONAI's Swin UNETR, a transformer's encoder",
        "Hatamizadeh et al., BrainLes 2021",
        "10.48550/arXiv.2201.01266",
        "monai",
    ),
    "residual_encoder": NetworkEntry(
        "simcvd.networks.others.residual_encoder",
        "residual_encoder",
        "nnU-Net's residual encoder U-Net",
        "Isensee et al., MICCAI 2024",
        "10.48550/arXiv.2404.09556",
        "nnunet",
    ),
}


def with_plugins(kind: Kind, built_in: Iterable[Described]) -> list[Described]:
    """Return everything of a kind, what plug-ins added last."""
    added = [found.declaration for found in declared_by_plugins(kind).values()]
    return [*built_in, *(Described(found.name, found.summary, found.paper, found.doi) for found in added)]


def check_named(kind: Kind, name: str, known: Iterable[str]) -> None:
    """Refuse a method or network that is not among the known ones.

    Raises:
        UserError: with the nearest names.
    """
    names = list(known)
    if name not in names:
        told = did_you_mean(name.lower().replace("-", "_"), names)
        raise UserError(
            f"There is no {kind} '{name}'; {told}{' ' if told else ''}{kind}s are {', '.join(names)}; --plugin FILE "
            "adds others."
        )


def describe_networks() -> list[Described]:
    """Return name, one line, paper and DOI of every network, those of plug-ins last."""
    own = (Described(name, entry.summary, entry.paper, entry.doi) for name, entry in NETWORKS.items())
    return with_plugins("network", own)


def network_names() -> list[str]:
    """Return the names of all networks, those of plug-ins last."""
    return [*NETWORKS, *declared_by_plugins("network")]


def check_known_network(name: str) -> None:
    """Refuse a network that does not exist.

    Raises:
        UserError: with the nearest names.
    """
    check_named("network", name, network_names())


def builder(name: str) -> "Build":
    """Return what builds a network other than the V-Net; see `NetworkEntry.build`.

    Raises:
        UserError: there is no such network, or a package that it needs is not installed.
    """
    check_known_network(name)
    if (found := declared_by_plugins("network").get(name)) is not None:
        return found.made
    entry = NETWORKS[name]
    try:
        build: Build = getattr(importlib.import_module(entry.module), entry.build)
    except ModuleNotFoundError as error:
        raise UserError(
            f"The network '{name}' needs the package {error.name}; pip install 'simcvd[{entry.extra}]'."
        ) from error
    return build
