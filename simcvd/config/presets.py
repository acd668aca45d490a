"""Named starting points: what differs from the defaults, which are the paper's Left Atrium settings."""

from typing import Any

DEFAULT_PRESET = "la"
PLAN = "plan"
"""Names the settings in a data set's own `plan.yaml`."""
PRESETS: dict[str, dict[str, Any]] = {
    "la": {},
    "pancreas": {
        "data": {"crop_vox": [96, 96, 96]},
        "inference": {"stride_vox": [16, 16, 16]},
    },
    # Small enough for two CPU cores and a minute. Dropout after the last block ruins runs this short.
    "phantom": {
        "data": {"crop_vox": [32, 32, 32]},
        "training": {"steps": 120, "checkpoint_every_steps": 40, "validate_every_steps": None},
        "projection": {"pool_size": 32},
        "network": {"width": 8, "dropout_last": 0.0},
        "inference": {"stride_vox": [16, 16, 16]},
    },
}
