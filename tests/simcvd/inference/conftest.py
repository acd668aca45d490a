from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from simcvd.config import TrialConfig, apply_settings, from_mapping
from simcvd.inference.weights import save_student
from simcvd.networks.base import Segmenter
from simcvd.networks.vnet import VNet
from simcvd.scans.preprocessing import Preprocessing

SETTINGS = {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [8, 8, 16],
    "network.width": 2,
    "training.steps": 1,
}


@pytest.fixture
def config() -> TrialConfig:
    return from_mapping(SETTINGS)


@pytest.fixture
def make_network() -> Callable[..., Segmenter]:
    """Build tiny networks whose batch norms have statistics of their own and whose masks show every class."""

    def build(channels: int = 1, classes: int = 3, *, seed: int = 0, width: int = 2) -> Segmenter:
        generator = torch.Generator().manual_seed(channels)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = VNet(channels, classes, sdm_channels=classes - 1, width=width)
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) * 0.5 + 0.5 * name.endswith("var"))
        segmenter = Segmenter(network).eval()
        with torch.no_grad():
            logits = segmenter(torch.randn(1, channels, 32, 32, 32, generator=generator))
            network.heads.bias[:classes] -= logits.mean((0, 2, 3, 4))
        return segmenter

    return build


@pytest.fixture
def make_trial(
    tmp_path: Path, config: TrialConfig, make_network: Callable[..., Segmenter]
) -> Callable[..., tuple[Path, Segmenter]]:
    """Write finished trials with two foreground classes."""

    def build(
        channels: int = 1,
        preprocessing: Preprocessing | None = None,
        *,
        seed: int = 0,
        classes: tuple[str, ...] = ("anterior", "posterior"),
        **settings: Any,
    ) -> tuple[Path, Segmenter]:
        own = apply_settings(config, {"seed": seed} | {key.replace("__", "."): to for key, to in settings.items()})
        folder = tmp_path / (f"trial-{channels}" + (f"-{seed}" if seed else ""))
        folder.mkdir()
        (folder / "config.yaml").write_text(yaml.safe_dump(own.model_dump(mode="json")))
        network = make_network(channels, len(classes) + 1, seed=seed, width=own.network.width)
        save_student(folder, network, own, channels, classes, preprocessing)
        return folder, network

    return build
