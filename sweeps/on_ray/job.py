"""What all trials of one command share, as it is handed to each."""

import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simcvd.config import TrialConfig
from sweeps.channel.channel import Channel
from sweeps.preflight.newcomer import Newcomers
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import NodeData
from sweeps.storage.runs import RunsStorage
from sweeps.trial.terms import Terms


@dataclass(frozen=True)
class Job:
    """What all trials of one command share.

    Attributes:
        configs: settings by trial id.
        data: the data set and its way to the nodes.
        storage: where the runs are.
        channel: how trials and the command talk to each other.
        scratch: folder of this command: Ray's files, and what the channel holds; its name tells commands apart.
        placement: resources of a worker.
        terms: what is wanted of each trial.
        precision: what `training.precision=auto` is for all of them; none where each asks its device.
        versions: on the command's machine, where nodes may join that its preflight has not seen.
        newcomers: what a node's devices must be that joins later; none where no node can.
    """

    configs: Mapping[str, TrialConfig]
    data: NodeData
    storage: RunsStorage
    channel: Channel
    scratch: Path
    placement: Placement
    terms: Terms = field(default_factory=Terms)
    precision: Literal["bfloat16", "float32"] | None = None
    versions: Mapping[str, str] | None = None
    newcomers: Newcomers | None = None

    @property
    def is_grouped(self) -> bool:
        """Whether several workers share a trial."""
        return self.placement.workers > 1


class StopRequest:
    """Tell whether the command was asked to end or its time is over; looks at most once a second."""

    def __init__(self, job: Job) -> None:
        self._channel = job.channel
        self._deadline = job.terms.deadline
        self._look_after = 0.0
        self._stop = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        now = time.time()
        if not self._stop and now >= self._look_after:
            self._look_after = now + 1
            over = self._deadline is not None and now > self._deadline
            self._stop = over or self._channel.stop_reason() is not None
        return self._stop


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
