"""What a trial is run with: the terms of its command, the device of its process, and what that one says and hears."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.trial.engine import Engine

if TYPE_CHECKING:
    from simcvd.training.interruption import Judge

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Terms:
    """What a command wants of each of its trials.

    Attributes:
        retry_failed: start failed trials anew.
        engine: what trains and scores, in place of `simcvd.training`.
        test: score the test cases too; without, a trial ends `validated`. One that has ended so is not trained again
            for them.
        judge: may end the training early; the trial is `stopped` then, and goes on when it is run without a judge.
        hang_timeout_s: end the process of a trial that gives no sign of life for so long; none waits for ever.
        deadline: when the command stops, in seconds since the epoch.
    """

    retry_failed: bool = False
    engine: Engine | None = None
    test: bool = True
    judge: "Judge | None" = None
    hang_timeout_s: float | None = None
    deadline: float | None = None

    @property
    def over(self) -> frozenset[str]:
        """The states of a trial that has all that the command wants of it."""
        validated = frozenset() if self.test else frozenset({"validated"})
        stopped = frozenset() if self.judge is None else frozenset({"stopped"})
        return frozenset({"finished"}) | validated | stopped


@dataclass(frozen=True)
class Device:
    """What a process computes on.

    Attributes:
        name: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: what `training.precision=auto` is resolved to by who runs many trials; none asks the device.
        threads: CPU threads for torch; none leaves them.
    """

    name: str = "auto"
    precision: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Contact:
    """Whom a trial's process reports to, and whom it hears.

    Attributes:
        report: gets each line of the log.
        should_stop: is asked between steps.
        tell: gets sentences for the user.
        begun: is called by every worker once it is known that the trial runs, before its files are read.
    """

    report: Callable[[Mapping[str, Any]], None] | None = None
    should_stop: Callable[[], bool] | None = None
    tell: Tell | None = None
    begun: Callable[[], object] = lambda: None
