"""Settings of trials so small that measuring them takes a moment."""

from typing import Any

from simcvd.config import TrialConfig, apply_settings, load_preset

CHANGES: dict[str, Any] = {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [16, 16, 16],
    "network.width": 2,
    "training.steps": 20,
}


def tiny_config(**changes: Any) -> TrialConfig:
    """Return settings for the phantom set; `training__steps=9` changes one."""
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return apply_settings(load_preset("phantom"), CHANGES | changed)
