"""The channel by files in the command's scratch folder, where every node sees it; the command itself reads it there."""

import json
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from simcvd.files import write_file
from sweeps.channel.channel import StopReason
from sweeps.channel.gpu_failure import GpuFailure, failed_nodes

ATTEMPTS: Final = "attempts"
GPU_FAILURES: Final = "gpu-failures"
_GOING: Final = "going"


@dataclass(frozen=True)
class FolderChannel:
    """What trials say and hear, in files.

    Attributes:
        scratch: the command's folder.
    """

    scratch: Path

    @property
    def notices(self) -> Path:
        """The file of sentences for the user, a line each."""
        return self.scratch / "notices.txt"

    def open(self) -> None:
        """Say, in a new folder, that trials may run."""
        (self.scratch / _GOING).touch()

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none."""
        return next((reason for reason in StopReason if (self.scratch / reason).exists()), None)

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop; the first reason stays.

        A file that is there is renamed, since a full disk may hold no further one.
        """
        with suppress(FileNotFoundError):  # asked before, by another trial or the command
            (self.scratch / _GOING).rename(self.scratch / reason)

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""
        with self.notices.open("a") as file:
            file.write(f"{sentence}\n")

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins, on one of these nodes."""
        path = self._attempts(trial_id)
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(sorted(nodes)) + "\n")

    def attempts(self, trial_id: str) -> list[set[str]]:
        """Return the nodes of each attempt of a trial, as they were noted."""
        try:
            return [set(json.loads(line)) for line in self._attempts(trial_id).read_text().splitlines()]
        except FileNotFoundError:
            return []

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed, in a file of its own, since appending from several nodes may lose lines."""
        # Not durable: it speaks of a command that lives.
        path = self.scratch / GPU_FAILURES / f"{uuid.uuid4().hex}.json"
        write_file(path, json.dumps(asdict(failure)), durable=False)

    def gpu_failures(self) -> list[GpuFailure]:
        """Return what was noted, in no order; a note that can't be read now may be the next time."""
        found = []
        for path in (self.scratch / GPU_FAILURES).glob("*.json"):
            with suppress(OSError, ValueError):
                found.append(GpuFailure(**json.loads(path.read_text())))
        return found

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often to run more trials."""
        return frozenset(failed_nodes(self.gpu_failures()))

    def _attempts(self, trial_id: str) -> Path:
        return self.scratch / ATTEMPTS / f"{trial_id}.jsonl"
