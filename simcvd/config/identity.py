"""A trial's identity: the hash of its resolved settings and its data set's digest."""

import hashlib
import json

from simcvd.config.settings import TrialConfig


def config_hash(config: TrialConfig, dataset_digest: str) -> str:
    """Return 64 hex digits that are equal if and only if settings and data set are.

    Args:
        config: the resolved settings.
        dataset_digest: `DatasetInfo.digest`, over every case's content and the splits.
    """
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{text}\n{dataset_digest}".encode()).hexdigest()


def trial_id(config: TrialConfig, dataset_digest: str) -> str:
    """Return the name of the trial's folder, e.g. `simcvd-s0-1f3a9c02b7de`."""
    return f"{config.method}-s{config.seed}-{config_hash(config, dataset_digest)[:12]}"
