"""A trial's identity: the hash of its resolved settings and its data set's digest."""

import hashlib
import json
from typing import Any

from simcvd.config.plugins import digests_of
from simcvd.config.settings import TrialConfig
from simcvd.config.types import Settings

_AS_HASHED = {"checkpoint_every_steps": 100}
"""What stands in the hash for a setting without value: what version 0.1 had there, so that trials keep their ids."""


def config_hash(config: TrialConfig, dataset_digest: str) -> str:
    """Return 64 hex digits that are equal if and only if the data set and all settings that the trial reads are.

    Left out are other methods' sections and augmentations that are off. So a method or an augmentation that is added
    later, or another setting of one, leaves all other trials what they were. A method or network of a plug-in counts
    with the plug-in's code.

    Args:
        config: the resolved settings.
        dataset_digest: `DatasetInfo.digest`, over every case's content and the splits.
    """
    plugins = digests_of(config)
    content = _read(config) | ({"plugins": plugins} if plugins else {})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{text}\n{dataset_digest}".encode()).hexdigest()


def trial_id(config: TrialConfig, dataset_digest: str) -> str:
    """Return the name of the trial's folder, e.g. `simcvd-s0-1f3a9c02b7de`."""
    return f"{config.method}-s{config.seed}-{config_hash(config, dataset_digest)[:12]}"


def _read(settings: Settings) -> dict[str, Any]:
    """Return what a trial reads, in JSON types."""
    content = settings.model_dump(mode="json", exclude=settings.unread())
    content |= {name: value for name, value in _AS_HASHED.items() if name in content and content[name] is None}
    return content | {name: _read(value) for name, value in settings if name in content and isinstance(value, Settings)}
