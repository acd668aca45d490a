"""Signals while Ray starts or ends: an exception in the middle of Ray's code may crash the process."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

PATIENCE_S: Final = 10.0
"""A Ray that starts as it should has started in this time."""

_STOPPING: Final = b"Stopping; Ctrl-C again leaves at once.\n"
_OVER: Final = b"\0"
_AT_ONCE: Final = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def uncut(leave: Callable[[], Any], patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Let a block end before SIGINT, SIGTERM or SIGHUP acts; then it is a KeyboardInterrupt, whatever the block raised.

    Ray's processes may get the signal too, so that the block fails over it. Handlers that it sets do not count.

    Outside the main thread, where Python allows no handlers, the block simply runs.

    Args:
        leave: ends the process. A thread calls it on a second SIGINT or SIGTERM, or where the block does not end: the
            main thread may be deep in Ray, where Python runs no handler.
        patience_s: how long the block may go on after a signal.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watching = threading.Thread(target=_watch, args=(reading, leave, patience_s), name="signals", daemon=True)
    watching.start()
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    numbers = [n for n in (*_AT_ONCE, signal.SIGHUP) if signal.getsignal(n) not in {signal.SIG_IGN, None}]
    before = {number: signal.signal(number, note) for number in numbers}
    set_handler: Any = signal.signal

    def keep(number: int, handler: Any) -> Any:
        return note if number in before else set_handler(number, handler)

    signal.signal = keep  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_handler
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        os.write(writing, _OVER)
        watching.join()
        os.close(reading)
        os.close(writing)
        if came:
            raise KeyboardInterrupt


def _watch(reading: int, leave: Callable[[], Any], patience_s: float) -> None:
    """Read the numbers of signals until the block is over."""
    asked, give_up = False, None
    while True:
        left = None if give_up is None else max(0.0, give_up - time.monotonic())
        if not select.select([reading], [], [], left)[0]:
            leave()
            return
        for number in os.read(reading, 64):
            if number == _OVER[0]:
                return
            if number in _AT_ONCE and asked:
                leave()
                return
            if number in _AT_ONCE:
                asked = True
                os.write(2, _STOPPING)  # not by a stream, which the main thread may hold
            if number in _AT_ONCE or number == signal.SIGHUP:
                give_up = give_up or time.monotonic() + patience_s
