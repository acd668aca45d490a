"""A trial's identity: the hash of its resolved settings and its data set's digest."""

import hashlib
import json

from simcvd.config.methods import MethodSettings
from simcvd.config.settings import TrialConfig

METHOD_SECTIONS = frozenset(
    name
    for name, field in TrialConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, MethodSettings)
)
"""Sections that one method alone reads, named as the method is."""


def config_hash(config: TrialConfig, dataset_digest: str) -> str:
    """Return 64 hex digits that are equal if and only if data set and settings are, other methods' sections left out.

    So a method that is added later, or another setting of one, leaves all other trials what they were.

    Args:
        config: the resolved settings.
        dataset_digest: `DatasetInfo.digest`, over every case's content and the splits.
    """
    others = METHOD_SECTIONS - {config.method}
    read = {name: value for name, value in config.model_dump(mode="json").items() if name not in others}
    text = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{text}\n{dataset_digest}".encode()).hexdigest()


def trial_id(config: TrialConfig, dataset_digest: str) -> str:
    """Return the name of the trial's folder, e.g. `simcvd-s0-1f3a9c02b7de`."""
    return f"{config.method}-s{config.seed}-{config_hash(config, dataset_digest)[:12]}"
