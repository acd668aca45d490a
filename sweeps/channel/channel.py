"""How the trials of a command and the command itself tell each other things, wherever the trials run."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sweeps.on_ray.attempts import note_attempt
from sweeps.on_ray.gpu_failures import GpuFailure, failed_nodes, gpu_failures, note_gpu_failure
from sweeps.on_ray.stopping import NOTICES_FILE, Notices, StopReason, request_stop, stop_reason


class Channel(Protocol):
    """What a trial hears and says."""

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none."""

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop."""

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins, on one of these nodes."""

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed."""

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often to run more trials."""


@dataclass(frozen=True)
class FolderChannel:
    """By files in the scratch folder, which every node sees.

    Attributes:
        scratch: the folder.
    """

    scratch: Path

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none."""
        return stop_reason(self.scratch)

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop."""
        request_stop(self.scratch, reason)

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""
        Notices(self.scratch / NOTICES_FILE)(sentence)

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins, on one of these nodes."""
        note_attempt(self.scratch, trial_id, nodes)

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed."""
        note_gpu_failure(self.scratch, failure)

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often to run more trials."""
        return frozenset(failed_nodes(gpu_failures(self.scratch)))
