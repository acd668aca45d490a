"""Whether a node may run trials of a command whose preflight it did not see, since it joined later."""

import functools
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from simcvd.errors import UserError
from sweeps.resources.versions import differences, versions


class UnfitNodeError(UserError):
    """Trials can't run on a node: it differs from those of the preflight, or its GPU failed and no other is left."""


def check_node(expected: Mapping[str, str] | None, scratch: Path, *, seen: bool) -> None:
    """Refuse this node where its results would not be those of the others, or would be lost.

    Args:
        expected: versions on the command's machine; none where no node can join.
        scratch: folder of the command.
        seen: whether this node sees of it what it needs.

    Raises:
        UnfitNodeError: with the node and what it lacks.
    """
    if expected is None:
        return
    node = socket.gethostname()
    what_to_do = "take it out of this Ray or set it right, then run the same command again"
    if not seen:
        raise UnfitNodeError(f"Node {node} joined, but does not see the runs folder ({scratch}); {what_to_do}.")
    if differing := differences(_found(), expected):
        there, here = differing
        raise UnfitNodeError(f"Node {node} joined with {there}, but the command's machine has {here}; {what_to_do}.")


def unfit(reasons: Iterable[str]) -> UnfitNodeError | None:
    """Return what says of lost trials that their node was unfit, from the texts that Ray keeps of exceptions."""
    for reason in reasons:
        if told := re.search(rf"{UnfitNodeError.__name__}: (Node .*)", reason):
            return UnfitNodeError(told.group(1).strip())
    return None


@functools.cache
def _found() -> dict[str, str]:
    return versions()
