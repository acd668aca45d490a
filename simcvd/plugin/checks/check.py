"""What a check is, and how one ends."""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from simcvd.config import TrialConfig
from simcvd.config.plugins import declared_by_plugins

MakeConfig = Callable[[Mapping[str, Any]], TrialConfig]
"""Makes the settings of a tiny trial from changes by dotted key."""


class CheckError(Exception):
    """Say in one sentence what was found, what was expected and, where it is known, what usually causes it."""


class CheckSkipped(Exception):  # noqa: N818 - the name of an outcome
    """Say why a check was left out."""


@dataclass(frozen=True)
class Check:
    """One promise that a method or a network keeps.

    Attributes:
        name: a word.
        sentence: what holds where it passes.
        run: raises `CheckError` or `CheckSkipped`; it gets the method's or network's name and what makes its settings.
        slow: whether it takes more than seconds.
    """

    name: str
    sentence: str
    run: Callable[[str, MakeConfig], None]
    slow: bool = False


class Outcome(NamedTuple):
    """How a check ended, and why where it did not pass."""

    state: Literal["ok", "FAILED", "skipped"]
    reason: str = ""


def expect(holds: bool, sentence: str) -> None:
    """Fail the check with a sentence unless something holds.

    Raises:
        CheckError: it does not hold.
    """
    if not holds:
        raise CheckError(sentence)


def outcome_of(check: Check, name: str, make_config: MakeConfig) -> Outcome:
    """Run a check; an exception of the author's code fails it."""
    try:
        check.run(name, make_config)
    except CheckSkipped as skipped:
        return Outcome("skipped", str(skipped))
    except CheckError as error:
        return Outcome("FAILED", str(error))
    except Exception as error:  # whatever the author's code raises
        return Outcome("FAILED", told(error))
    return Outcome("ok")


def told(error: Exception) -> str:
    """Return what an exception says, with file and line: those of the author's own code if it has been there."""
    own = {getattr(sys.modules.get(module), "__file__", None) for module in _modules()}
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename in own), frames[-1])
    said = " ".join(str(error).split()).rstrip(".")
    return f"{Path(frame.filename).name}, line {frame.lineno}: {type(error).__name__}{said and ': '}{said}"


def _modules() -> set[str]:
    kinds = (declared_by_plugins("method"), declared_by_plugins("network"))
    return {found.made.__module__ for kind in kinds for found in kind.values()}
