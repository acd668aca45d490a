"""The channel where nodes share no folder with the command: an actor on the command's node writes into its scratch.

Both are in one Ray, so this costs no request to a store and arrives at once. The actor keeps nothing in memory: Ray may
start it again.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from simcvd.errors import UserError
from sweeps.channel.channel import StopReason
from sweeps.channel.folder_channel import FolderChannel
from sweeps.channel.gpu_failure import GpuFailure
from sweeps.resources.nodes import this_node

_ANSWER_S: Final = 10.0
_START_S: Final = 120.0


@dataclass(frozen=True)
class RayChannel:
    """What trials say and hear, by calls of the actor.

    Each call waits until it is done, since the process of a trial may be lost next. An actor that does not answer stops
    no trial: one that is cut off from the head is ended by its lifeline.

    Attributes:
        actor: a `FolderChannel` on the command's node.
    """

    actor: Any

    def stop_reason(self) -> StopReason | None:
        """Return why trials are to stop, or none."""
        reason: StopReason | None = self._call("stop_reason")
        return reason

    def request_stop(self, reason: StopReason) -> None:
        """Ask all trials of the command to stop; the first reason stays."""
        self._call("request_stop", reason)

    def tell(self, sentence: str) -> None:
        """Hand on a sentence for the user."""
        self._call("tell", sentence)

    def note_attempt(self, trial_id: str, nodes: Collection[str]) -> None:
        """Note that a trial begins, on one of these nodes."""
        self._call("note_attempt", trial_id, sorted(nodes))

    def note_gpu_failure(self, failure: GpuFailure) -> None:
        """Note that a GPU failed."""
        self._call("note_gpu_failure", failure)

    def failed_nodes(self) -> frozenset[str]:
        """Return the ids of the nodes whose GPU failed too often to run more trials."""
        return frozenset(self._call("failed_nodes") or ())

    def _call(self, method: str, *given: Any) -> Any:
        import ray

        with suppress(Exception):  # no answer, whatever Ray makes of it
            return ray.get(getattr(self.actor, method).remote(*given), timeout=_ANSWER_S)
        return None


@contextmanager
def open_ray_channel(local: FolderChannel) -> Iterator[RayChannel]:
    """Let trials on any node of this Ray use a command's own channel while the `with` block lasts.

    Args:
        local: the command's own.

    Raises:
        UserError: Ray's processes on this machine can't use the command's folder, such as those of another user.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(this_node(), soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here}
    actor: Any = ray.remote(FolderChannel).options(**options).remote(local.scratch)
    try:
        try:
            ray.get(actor.open.remote(), timeout=_START_S)
        except (ray.exceptions.RayError, OSError) as error:
            reason = " ".join(str(error).split())[-200:]
            raise UserError(
                f"Ray's processes on this machine can't write to {local.scratch} ({reason}); start Ray there as the "
                "user of this command, or choose a --cache that both can write to."
            ) from error
        yield RayChannel(actor)
    finally:
        with suppress(Exception):
            ray.kill(actor)
