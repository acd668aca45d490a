"""Settings so tiny that a step takes a moment, made-up crops that fit them, and a step as the training loop does it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.config.edit import flatten
from simcvd.config.plugins import declared_by_plugins
from simcvd.data.batch import Batch
from simcvd.draws import Draws
from simcvd.methods.base import Method, Term

PRESET: Final = "phantom"
TINY: Final[Mapping[str, Any]] = {
    "network.width": 2,
    "network.dropout_last": 0.5,
    "network.strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
    "projection.pool_size": 8,
    "projection.hidden": [8, 8],
    "projection.features": 8,
    "data.crop_vox": [16, 8, 8],
    "inference.stride_vox": [8, 8, 8],
    "training.steps": 10,
}
STEPS: Final = (0, 1, 9)
"""Steps of the tiny trial's 10: a method that trains in stages shows each of them."""
THICK: Final[Mapping[str, Any]] = {
    "data.crop_vox": [16, 16, 6],
    "inference.stride_vox": [8, 8, 3],
    "network.strides": [[1, 1, 1], [2, 2, 1], [2, 2, 1], [2, 2, 2]],
}
"""6 slices, which no padding brings to 8."""
_LEARNING: Final[Mapping[str, Any]] = {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [8, 8, 8],
    "network.strides": [[2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 1, 1]],
    "projection.pool_size": 16,
    "training.steps": 100,
}


def tiny_config(method: str, changes: Mapping[str, Any]) -> TrialConfig:
    """Return settings of a tiny trial of a method, with changes."""
    return apply_settings(load_preset(PRESET), {**TINY, "method": method, **changes})


def network_config(network: str, changes: Mapping[str, Any]) -> TrialConfig:
    """Return settings of a tiny trial with a plug-in's network, with changes; its deepest map has two voxels a side."""
    asked = declared_by_plugins("network")[network].declaration.multiple_of
    multiples = asked or tiny_config("supervised", {}).network.reduction()
    crop = [max(2, -(-16 // multiple)) * multiple for multiple in multiples]
    own = {"network.name": network, "data.crop_vox": crop, "inference.stride_vox": crop}
    return tiny_config("supervised", {**own, **changes})


def learning_changes() -> dict[str, Any]:
    """Return changes to tiny settings with which a network of usual width learns the phantom in 100 steps."""
    usual = flatten(load_preset(PRESET))
    return {key: usual[key] for key in TINY} | dict(_LEARNING)


def tiny_batch(
    image_channels: int = 1,
    classes: int = 2,
    step: int = 0,
    crop_vox: tuple[int, ...] = (16, 8, 8),
    block_vox: int = 4,
) -> Batch:
    """Return two labelled and two unlabelled crops; the labelled ones are blocks of classes under noise.

    Args:
        image_channels: I, channels of the image.
        classes: C, classes with background.
        step: another step has other crops.
        crop_vox: X, Y and Z.
        block_vox: side of a block.
    """
    generator = torch.Generator().manual_seed(step)
    label = torch.randint(0, classes, (2, *(-(-side // block_vox) for side in crop_vox)), generator=generator)
    for axis in (1, 2, 3):
        label = label.repeat_interleave(block_vox, axis)
    label = label[:, : crop_vox[0], : crop_vox[1], : crop_vox[2]]
    image = label.unsqueeze(1) + 0.3 * torch.randn(2, image_channels, *crop_vox, generator=generator)
    sdm = torch.rand(2, classes - 1, *crop_vox, generator=generator) * 2 - 1
    unlabeled = torch.randn(2, image_channels, *crop_vox, generator=generator)
    depth_labeled, depth_unlabeled = torch.tensor([[[0.0, 0.5], [0.4, 0.9]], [[0.1, 0.6], [0.5, 1.0]]])
    return Batch(image, label, sdm, unlabeled, depth_labeled, depth_unlabeled)


def train_step(method: Method, batch: Batch, step: int) -> list[Term]:
    """Do one step as the training loop does it; gradients stay. Return the terms before it."""
    method.before_step(step)
    terms = method.terms(batch, step, Draws(method.config.seed, step))
    method.networks.zero_grad()
    torch.stack([term.weight * term.value for term in terms]).sum().backward()  # type: ignore[no-untyped-call]
    for optimiser in method.stepping(step):
        optimiser.step()
    method.after_step(step)
    return terms


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one core: tiny tensors gain nothing from more, and sums keep their order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
