"""A GPU that failed under a trial, and the nodes that get no more trials for it.

What fails again on the same node is taken for the node's fault, unless it is a check in the trial's own computation (a
device-side assert).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

MOST_FAILURES: Final = 2
"""Failures of a node's GPU after which no more trials run there: one may be a ray from space."""


@dataclass(frozen=True)
class GpuFailure:
    """One failure, as it is noted.

    Attributes:
        trial_id: the trial that met it.
        attempt: which of its attempts; several workers of one may meet the same failure.
        node: id of the node in Ray.
        host: the node's name.
        words: what the driver called it.
        of_trial: most likely the trial's own fault.
    """

    trial_id: str
    attempt: str
    node: str
    host: str
    words: str
    of_trial: bool


def failed_nodes(failures: Collection[GpuFailure]) -> dict[str, str]:
    """Return the nodes whose GPU failed too often, by id, each with a sentence; asserts of trials do not count."""
    of_nodes = [failure for failure in failures if not failure.of_trial]
    sentences = {}
    for node in sorted({failure.node for failure in of_nodes}):
        own = [failure for failure in of_nodes if failure.node == node]
        if len({(failure.trial_id, failure.attempt) for failure in own}) >= MOST_FAILURES:
            words = "; ".join(sorted({failure.words for failure in own}))
            sentences[node] = f"The GPU of node {own[0].host} failed twice ({words}); no more trials run there."
    return sentences
