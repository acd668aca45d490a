"""A tiny trial: settings, crops and one step, for every test of a method."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.networks.base import Features
from tests.tiny_trial import NARROW

TINY = NARROW | {
    "data.crop_vox": [16, 8, 8],
    "network.strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
    "inference.stride_vox": [8, 8, 8],
    "training.steps": 10,
}


class FixedNetwork(nn.Module):
    """Predict the same probabilities whatever the crops, and remember each call."""

    def __init__(self, probs: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(probs.log())
        self.images: list[Tensor] = []
        self.names: list[str] = []
        self.parts: list[tuple[int, ...]] = []

    def forward(self, image: Tensor, draws: Draws, name: str, parts: tuple[int, ...]) -> Features:
        assert len(image) == len(self.logits) == sum(parts)
        self.images.append(image)
        self.names.append(name)
        self.parts.append(parts)
        return Features(self.logits, None, self.logits)


MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def make_config() -> MakeConfig:
    def make(changes: dict[str, Any] | None = None, **settings: Any) -> TrialConfig:
        return apply_settings(load_preset("phantom"), TINY | settings | (changes or {}))

    return make


@pytest.fixture(scope="session")
def make_batch() -> MakeBatch:
    def make(
        image_channels: int = 1,
        classes: int = 2,
        step: int = 0,
        crop_vox: tuple[int, ...] = (16, 8, 8),
        block_vox: int = 4,
    ) -> Batch:
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

    return make


@pytest.fixture
def train_step() -> TrainStep:
    """One step as the training loop does it; returns the terms before it."""

    def train(method: Method, batch: Batch, step: int) -> list[Term]:
        method.before_step(step)
        terms = method.terms(batch, step, Draws(method.config.seed, step))
        method.networks.zero_grad()
        torch.stack([term.weight * term.value for term in terms]).sum().backward()
        for optimiser in method.stepping(step):
            optimiser.step()
        method.after_step(step)
        return terms

    return train


@pytest.fixture
def fixed_network() -> type[FixedNetwork]:
    """A network whose predictions a test writes down, so that its losses can be worked by hand."""
    return FixedNetwork


@pytest.fixture
def tiny_crops(make_batch: MakeBatch) -> MakeBatch:
    """Crops of `voxels` voxels of background, for fixed networks: L labelled and U unlabelled ones."""

    def make(labeled: int, unlabeled: int, voxels: int) -> Batch:
        shape = (1, 1, voxels)
        return replace(
            make_batch(),
            image_labeled=torch.zeros(labeled, 1, *shape),
            label=torch.zeros(labeled, *shape, dtype=torch.int64),
            sdm=torch.ones(labeled, 1, *shape),
            image_unlabeled=torch.zeros(unlabeled, 1, *shape),
        )

    return make
