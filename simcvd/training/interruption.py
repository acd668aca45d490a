"""What happens when the process is asked to end: a trial stops between two steps, everything else where it is."""

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


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt from now on, as SIGINT does.

    Only the first SIGHUP does, as there may be several, and none where it is ignored. Processes that are forked later
    end by the signal itself.
    """
    process, terminals = os.getpid(), _terminals()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
            _drop_output(terminals)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def ignore_signals() -> None:
    """Let the process end undisturbed: a signal in Python's last moments would change the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


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
    terminals = _terminals()

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


def _terminals() -> list[int]:
    return [output for output in (1, 2) if os.isatty(output)]


def _drop_output(terminals: Sequence[int]) -> None:
    for output in terminals:
        if not os.isatty(output):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)
