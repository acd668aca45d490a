"""What a trial hears from its command and says to it, by whatever transport."""

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from sweeps.channel.gpu_failure import GpuFailure


class StopReason(StrEnum):
    """Why the trials of a command stop."""

    asked = "stop"
    disk_full = "disk-full"
    gpus_failed = "gpus-failed"


class Channel(Protocol):
    """What a trial hears and says; `FolderChannel` and `RayChannel` are the two transports."""

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none."""

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop; the first reason stays."""

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins, on one of these nodes."""

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed."""

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often to run more trials."""
