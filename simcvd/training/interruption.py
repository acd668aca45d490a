"""Stop a trial between two steps when the process is asked to end."""

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol


class Interrupted(Exception):  # noqa: N818 - not an error: the trial continues when the command runs again
    """The trial was asked to stop; its checkpoint holds everything."""


class Stopped(Exception):  # noqa: N818 - an outcome
    """The judge of the trial ended it early; its checkpoint holds everything."""


class Judge(Protocol):
    """Decides, after certain steps, whether a training goes on."""

    @property
    def steps(self) -> Collection[int]:
        """Steps done at which it is asked."""

    def __call__(self, step: int, scores: Sequence[Any]) -> bool:
        """Return whether to go on, from the predicting network's scores on the val cases."""


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM has come; the second one acts at once.

    Outside the main thread, where Python allows no handlers, the function always answers no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
