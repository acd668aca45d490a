"""Stop a trial between two steps when the process is asked to end."""

import os
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
    """Yield a function that tells whether SIGINT, SIGTERM or SIGHUP has come; a second SIGINT or SIGTERM acts at once.

    SIGHUP says that the terminal is closed. It may come from the terminal, the shell and the system at once, so more of
    them ask nothing more; where it was ignored before, as under `nohup`, it stays so. What is written to a terminal
    that is gone is dropped: the error would end the trial.

    Outside the main thread, where Python allows no handlers, the function always answers no.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked, hung_up = threading.Event(), threading.Event()
    terminals = [output for output in (1, 2) if os.isatty(output)]

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    def note_hang_up(number: int, frame: FrameType | None) -> None:
        hung_up.set()

    def answer() -> bool:
        if hung_up.is_set():
            _drop_output(terminals)
        return asked.is_set() or hung_up.is_set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, note_hang_up)
    try:
        yield answer
    finally:
        answer()
        for number, handler in before.items():
            signal.signal(number, handler)


def _drop_output(terminals: Sequence[int]) -> None:
    for output in terminals:
        if not os.isatty(output):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)
