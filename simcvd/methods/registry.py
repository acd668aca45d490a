"""The training methods by name; torch is imported only when one is made."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simcvd.config import TrialConfig
from simcvd.config.network import VNET
from simcvd.config.plugins import declared_by_plugins
from simcvd.errors import UserError
from simcvd.networks.registry import Described, check_known_network, check_named, with_plugins

if TYPE_CHECKING:
    from torch import Tensor

    from simcvd.methods.base import Method


class MethodEntry(NamedTuple):
    """A method's place in the code and in the literature."""

    module: str
    class_name: str
    summary: str
    paper: str
    doi: str
    networks: tuple[str, ...] | None = None
    """Those that it works on; none: all of them."""

    def load(self) -> type["Method"]:
        """Import the method's class."""
        found: type[Method] = getattr(importlib.import_module(self.module), self.class_name)
        return found


METHODS: dict[str, MethodEntry] = {
    "simcvd": MethodEntry(
        "simcvd.methods.simcvd",
        "SimCVD",
        "consistency, boundary-aware contrast and pairwise distillation",
        "You et al., IEEE TMI 2022",
        "10.1109/TMI.2022.3161829",
    ),
    "supervised": MethodEntry(
        "simcvd.methods.rivals.supervised",
        "Supervised",
        "the labelled scans alone: the bound that the others start from",
        "Milletari et al., 3DV 2016",
        "10.48550/arXiv.1606.04797",
    ),
    "mean_teacher": MethodEntry(
        "simcvd.methods.rivals.mean_teacher",
        "MeanTeacher",
        "consistency with the moving average under noise",
        "Tarvainen and Valpola, NeurIPS 2017",
        "10.48550/arXiv.1703.01780",
    ),
    "ua_mt": MethodEntry(
        "simcvd.methods.rivals.ua_mt",
        "UAMT",
        "mean teacher on the voxels that the teacher is sure of",
        "Yu et al., MICCAI 2019",
        "10.48550/arXiv.1907.07034",
    ),
    "entropy_min": MethodEntry(
        "simcvd.methods.rivals.entropy_min",
        "EntropyMin",
        "low entropy of the unlabelled predictions",
        "Vu et al., CVPR 2019",
        "10.48550/arXiv.1811.12833",
    ),
    "cps": MethodEntry(
        "simcvd.methods.rivals.cps",
        "CPS",
        "two networks, each trained on the other's hard labels",
        "Chen et al., CVPR 2021",
        "10.48550/arXiv.2106.01226",
    ),
    "ict": MethodEntry(
        "simcvd.methods.rivals.ict",
        "ICT",
        "the teacher's mixed predictions on mixed scans",
        "Verma et al., IJCAI 2019",
        "10.48550/arXiv.1903.03825",
    ),
    "dan": MethodEntry(
        "simcvd.methods.rivals.dan",
        "DAN",
        "a discriminator tells labelled scans' segmentations from others",
        "Zhang et al., MICCAI 2017",
        "10.1007/978-3-319-66179-7_47",
    ),
    "sassnet": MethodEntry(
        "simcvd.methods.rivals.sassnet",
        "SASSNet",
        "a discriminator on signed distance maps",
        "Li, Zhang and He, MICCAI 2020",
        "10.48550/arXiv.2007.10732",
    ),
    "dtc": MethodEntry(
        "simcvd.methods.rivals.dtc",
        "DTC",
        "agreement of the class head with the signed distance map",
        "Luo et al., AAAI 2021",
        "10.48550/arXiv.2009.04448",
    ),
    "chaitanya": MethodEntry(
        "simcvd.methods.rivals.chaitanya",
        "Chaitanya",
        "global, then local contrast before fine-tuning",
        "Chaitanya et al., NeurIPS 2020",
        "10.48550/arXiv.2006.10511",
        networks=(VNET,),
    ),
    "unimatch": MethodEntry(
        "simcvd.methods.later.unimatch",
        "UniMatch",
        "strong views and perturbed features, taught by the crop as it is",
        "Yang et al., CVPR 2023",
        "10.48550/arXiv.2208.09910",
        networks=(VNET,),
    ),
    "bcp": MethodEntry(
        "simcvd.methods.later.bcp",
        "BCP",
        "labelled and unlabelled crops pasted into each other",
        "Bai et al., CVPR 2023",
        "10.48550/arXiv.2305.00673",
    ),
    "ad_mt": MethodEntry(
        "simcvd.methods.later.ad_mt",
        "ADMT",
        "two teachers that follow the student in turns",
        "Zhao et al., ECCV 2024",
        "10.48550/arXiv.2311.17325",
    ),
    "crossmatch": MethodEntry(
        "simcvd.methods.later.crossmatch",
        "CrossMatch",
        "perturbed images and features, taught by the plain decoding",
        "Zhao et al., IEEE JBHI 2024",
        "10.48550/arXiv.2405.00354",
        networks=(VNET,),
    ),
}


def describe() -> list[Described]:
    """Return name, one line, paper and DOI of every method, those of plug-ins last."""
    own = (Described(name, entry.summary, entry.paper, entry.doi) for name, entry in METHODS.items())
    return with_plugins("method", own)


def method_names() -> list[str]:
    """Return the names of all methods, those of plug-ins last."""
    return [*METHODS, *declared_by_plugins("method")]


def check_known(name: str) -> None:
    """Refuse a method that does not exist.

    Raises:
        UserError: with the nearest names.
    """
    check_named("method", name, method_names())


def check_method(config: TrialConfig) -> None:
    """Refuse a method or network that does not exist, and a network that the method does not work on.

    Raises:
        UserError: with the nearest names, or the networks that it works on.
    """
    check_known(config.method)
    check_known_network(config.network.name)
    networks = METHODS[config.method].networks if config.method in METHODS else None
    if networks is not None and config.network.name not in networks:
        raise UserError(
            f"The method '{config.method}' trains parts of a network by themselves, which '{config.network.name}' does "
            f"not offer; set network.name to {' or '.join(networks)}."
        )


def create(
    config: TrialConfig, image_channels: int, classes: int, gather: "Callable[[Tensor], Tensor] | None" = None
) -> "Method":
    """Build the method that `config.method` names.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]` in rank order, its backward pass summing the workers'
            gradients; none with one worker.

    Raises:
        UserError: there is no such method or network, or they don't go together.
    """
    check_method(config)
    added = declared_by_plugins("method").get(config.method)
    make: Callable[..., Method] = METHODS[config.method].load() if added is None else added.made
    method = make(config, image_channels, classes, gather)
    if config.training.compile:
        from simcvd.networks.build import compile_networks

        compile_networks(method.networks)
    return method
