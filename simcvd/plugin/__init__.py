"""What the author of a method or a network needs, in one place; docs/own-method.md shows how.

A method is a subclass of `Method` under `@method(...)`. A network is a `torch.nn.Module` under `@network(...)`, made as
`Network(config, image_channels, outputs)`, that maps an image `[B, I, X, Y, Z]` to two tensors: all outputs
`[B, outputs, X, Y, Z]`, class logits first and then signed distance maps, and its bottleneck `[B, E, x, y, z]`.
Their settings derive from `MethodSettings` or `NetworkSettings`.
"""

from collections.abc import Callable

from pydantic import Field
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.config.declaration import method, network
from simcvd.config.methods import RAMP_UP, MethodSettings
from simcvd.config.network import NetworkSettings
from simcvd.config.types import Fraction, Rate, Weight
from simcvd.draws import Draws
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward, forward_together, noisy, without_autocast
from simcvd.methods.optimiser import sgd
from simcvd.methods.segmentation import sdm_terms, segmentation_terms
from simcvd.networks.build import build_network, seeded_weights
from simcvd.networks.teacher import add_teachers

Gather = Callable[[Tensor], Tensor]
"""Stacks rows `[N, F]` of W workers to `[W * N, F]`; a method gets it, and hands it on to its losses."""

__all__ = [
    "RAMP_UP",
    "Batch",
    "Draws",
    "Field",
    "Fraction",
    "Gather",
    "Method",
    "MethodSettings",
    "NetworkSettings",
    "Outputs",
    "Rate",
    "Term",
    "TrialConfig",
    "Weight",
    "add_teachers",
    "build_network",
    "forward",
    "forward_together",
    "method",
    "network",
    "noisy",
    "ramp_up",
    "sdm_terms",
    "seeded_weights",
    "segmentation_terms",
    "sgd",
    "without_autocast",
]
