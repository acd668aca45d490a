"""Say what a command waits for while it can show nothing else, such as Ray's start."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from sweeps.status.sweep import duration

if TYPE_CHECKING:
    from rich.console import Console

_TURN_S: Final = 0.25
_WHEEL: Final = "|/-\\"


@contextmanager
def waiting(console: "Console", what: str, over: str | None = None) -> Iterator[None]:
    """Say what a block waits for, and how long: on a terminal in a line that goes away when the block ends.

    The cursor stays visible, since the process may be ended in the block. Nothing else should be printed in it.

    Args:
        console: where to say it; on an `EventConsole` it becomes a notice.
        what: such as `Starting Ray`.
        over: what is said with the seconds when the block has ended well, where there is no such line; None says
            nothing there, neither before nor after.
    """
    began = time.monotonic()
    if console.is_terminal and not console.is_dumb_terminal and not _tells_events(console):
        with _moving_line(console, what, began):
            yield
        return
    if over is not None:
        _say(console, f"{what} ...")
    yield
    if over is not None:
        _say(console, f"{over} after {duration(time.monotonic() - began)}.")


@contextmanager
def _moving_line(console: "Console", what: str, began: float) -> Iterator[None]:
    end = threading.Event()

    def write(text: str) -> None:
        with suppress(OSError):  # a terminal that is gone
            console.file.write(text)
            console.file.flush()

    def run() -> None:
        for turn in itertools.cycle(_WHEEL):
            line = f"{turn} {what} ... {duration(time.monotonic() - began)}"
            # A blank at the end: what another thread says when the process is ended stands behind it.
            write(f"\r{line[: console.width - 2]} \x1b[K")
            if end.wait(_TURN_S):
                return

    thread = threading.Thread(target=run, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        write("\r\x1b[K")


def _tells_events(console: "Console") -> bool:
    from sweeps.show.events import EventConsole

    return isinstance(console, EventConsole)


def _say(console: "Console", sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
