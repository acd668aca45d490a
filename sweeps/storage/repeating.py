"""Do something again and again, beside what the command does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def repeating(
    work: Callable[[], object],
    every_s: float,
    *,
    name: str,
    passing: tuple[type[Exception], ...],
    leave_s: float | None = None,
) -> Iterator[None]:
    """Call something every so often, in a thread of its own, while the `with` block lasts.

    Args:
        work: what is called, first after `every_s`.
        every_s: seconds from the end of a call to the next one.
        name: the thread's.
        passing: what may fail once and succeed the next time.
        leave_s: how long the block's end waits for a call, in seconds; by default until it is over.
    """
    end = threading.Event()

    def run() -> None:
        while not end.wait(every_s):
            with suppress(*passing):
                work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(leave_s)
