"""Settings: frozen, strict, torch-free; presets; dotted keys; identity."""

from simcvd.config.edit import (
    DEFAULT_PRESET,
    PLAN,
    PRESETS,
    apply_settings,
    dotted_keys,
    from_file,
    from_mapping,
    load_preset,
    parse_assignment,
)
from simcvd.config.identity import config_hash, trial_id
from simcvd.config.plugins import content_of, digests_of, load_plugin
from simcvd.config.settings import TrialConfig

__all__ = [
    "DEFAULT_PRESET",
    "PLAN",
    "PRESETS",
    "TrialConfig",
    "apply_settings",
    "config_hash",
    "content_of",
    "digests_of",
    "dotted_keys",
    "from_file",
    "from_mapping",
    "load_plugin",
    "load_preset",
    "parse_assignment",
    "trial_id",
]
