"""What is due after a training step: a line of the log, a validation, a checkpoint, the judge's question."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from simcvd.config.settings import TrainingConfig

CHECKPOINT_S = 60.0
"""Seconds between checkpoints: what a kill may cost, whatever a step takes."""


@dataclass(frozen=True)
class Due:
    """What is due after one step.

    Attributes:
        last: it was the last step.
        logging: a line of the log.
        validating: scores of the val cases, but for those after the last step.
        judging: the judge's question, which needs a validation.
        saving: a checkpoint.
    """

    last: bool
    logging: bool
    validating: bool
    judging: bool
    saving: bool


class Calendar:
    """Knows what is due after each step.

    Args:
        training: the intervals.
        judged: steps done after which the judge is asked.
        now: tells the time in seconds.
    """

    def __init__(
        self, training: TrainingConfig, judged: Collection[int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._training, self._judged, self._now = training, judged, now
        self._saved_at = now()

    def after(self, done: int, *, with_norms: bool) -> Due:
        """Return what is due once `done` steps are done; `with_norms` tells that gradient norms were measured."""
        training = self._training
        last = done == training.steps
        every = training.validate_every_steps
        judging = done in self._judged and not last
        return Due(
            last=last,
            logging=last or with_norms or done % training.log_every_steps == 0,
            validating=judging or (every is not None and done % every == 0 and not last),
            judging=judging,
            saving=last or self._saving(done),
        )

    def saved(self) -> None:
        """Note that a checkpoint was begun."""
        self._saved_at = self._now()

    def _saving(self, done: int) -> bool:
        if self._training.checkpoint_every_steps is not None:
            return done % self._training.checkpoint_every_steps == 0
        return self._now() - self._saved_at >= CHECKPOINT_S
