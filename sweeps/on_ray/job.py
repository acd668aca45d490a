"""Settings of many trials, as they are handed to each."""

import pickle
from collections.abc import Iterator, Mapping

from simcvd.config import TrialConfig


class TrialConfigs(Mapping[str, TrialConfig]):
    """Settings by trial id, unpacked one by one: each trial is handed those of all trials, and looks at its own."""

    def __init__(self, configs: Mapping[str, TrialConfig]) -> None:
        self._packed = {trial_id: pickle.dumps(config) for trial_id, config in configs.items()}

    def __getitem__(self, trial_id: str) -> TrialConfig:
        config: TrialConfig = pickle.loads(self._packed[trial_id])
        return config

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
