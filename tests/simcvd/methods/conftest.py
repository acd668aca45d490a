"""A tiny trial: settings, crops and one step, for every test of a method."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.networks.base import Features
from simcvd.plugin import sample
from tests.tiny_trial import NARROW


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
def _one_thread() -> Iterator[None]:
    with sample.one_thread():
        yield


@pytest.fixture(scope="session")
def make_config() -> MakeConfig:
    def make(changes: Mapping[str, Any] | None = None, *, method: str = "simcvd", **settings: Any) -> TrialConfig:
        return sample.tiny_config(method, {**NARROW, **settings, **(changes or {})})

    return make


@pytest.fixture(scope="session")
def make_batch() -> MakeBatch:
    return sample.tiny_batch


@pytest.fixture
def train_step() -> TrainStep:
    """One step as the training loop does it; returns the terms before it."""
    return sample.train_step


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
