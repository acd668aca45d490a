"""How many trials fit side by side on a Ray whose nodes come and go."""

import time
from contextlib import suppress

from simcvd.errors import UserError
from sweeps.resources.placement import place
from sweeps.resources.request import ResourceRequest

LOOK_S = 10.0


class Slots:
    """Tell how many trials fit side by side; Ray is asked again every `LOOK_S` at most.

    Args:
        request: the resources of a trial.
        slots: how many fit now.
        grows: whether nodes may come and go; otherwise Ray is not asked.
    """

    def __init__(self, request: ResourceRequest, slots: int, *, grows: bool) -> None:
        self._request, self._slots, self._grows = request, slots, grows
        self._looked = time.monotonic()

    @property
    def limit(self) -> int | None:
        """Most trials that may ask Ray for a slot; none: all, so that nodes that join later get some too.

        An autoscaler starts nodes for those that find none. The drivers of groups have theirs on the head,
        where too many would fill its memory.
        """
        open_ended = self._grows and self._request.workers == 1
        return self._request.max_concurrent if open_ended else self._slots

    def __call__(self) -> int:
        """Return how many trials fit side by side."""
        if self._grows and time.monotonic() - self._looked > LOOK_S:
            import ray

            self._looked = time.monotonic()
            with suppress(UserError):  # too few nodes at this moment
                _, self._slots = place(self._request, ray.nodes())  # type: ignore[no-untyped-call]
        return self._slots
