"""The training methods by name; torch is imported only when one is made."""

import difflib
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simcvd.config import TrialConfig
from simcvd.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from simcvd.methods.base import Method


class MethodEntry(NamedTuple):
    """A method's place in the code and in the literature."""

    module: str
    class_name: str
    summary: str
    paper: str
    doi: str

    def load(self) -> type["Method"]:
        """Import the method's class."""
        found: type[Method] = getattr(importlib.import_module(self.module), self.class_name)
        return found


class MethodDescription(NamedTuple):
    """What `simcvd methods` shows."""

    name: str
    summary: str
    paper: str
    doi: str


METHODS: dict[str, MethodEntry] = {
    "simcvd": MethodEntry(
        "simcvd.methods.simcvd",
        "SimCVD",
        "mean teacher with boundary-aware contrast, pairwise distillation and consistency",
        "You et al., IEEE TMI 41(9), 2022",
        "10.1109/TMI.2022.3161829",
    ),
}


def describe() -> list[MethodDescription]:
    """Return name, one line, paper and DOI of every method."""
    return [MethodDescription(name, entry.summary, entry.paper, entry.doi) for name, entry in METHODS.items()]


def check_known(name: str) -> None:
    """Refuse a method that does not exist.

    Raises:
        UserError: with the nearest names.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=3, cutoff=0.6)
        hint = f" did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"There is no method '{name}';{hint} methods are {', '.join(METHODS)}.")


def create(
    config: TrialConfig, image_channels: int, classes: int, gather: "Callable[[Tensor], Tensor] | None" = None
) -> "Method":
    """Build the method that `config.method` names.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]` in rank order, its backward pass summing the workers'
            gradients; none with one worker.

    Raises:
        UserError: there is no such method.
    """
    check_known(config.method)
    entry = METHODS[config.method]
    make: Callable[..., Method] = entry.load()
    return make(config, image_channels, classes, gather)
