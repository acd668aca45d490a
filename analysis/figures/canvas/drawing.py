"""Draw and write many figures, in several processes where there are processors for them."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.figures.canvas.save import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WORKERS: Final = 8
FIGURES_A_WORKER: Final = 3
"""A process takes as long to start as two or three figures to draw."""


def draw_all(figures: "Mapping[Path, Callable[[], Figure]]", workers: int | None = 1) -> Iterator[tuple[Path, ...]]:
    """Draw each figure and write it as `save_figure` does; yield its files as soon as they are there, in any order.

    Args:
        figures: what draws each, by its path without suffix.
        workers: processes at a time; None takes what this machine and the number of figures make worthwhile. With more
            than one, a script must guard its entry point with `if __name__ == "__main__"`.
    """
    wanted = min(_processors(), MOST_WORKERS, len(figures) // FIGURES_A_WORKER) if workers is None else workers
    if wanted < 2:
        for stem, draw in figures.items():
            yield _draw(stem, draw)
        return
    # A forked process would inherit threads' locks; a spawned one imports afresh.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted, context, initializer=_leave_interrupts_to_the_parent) as pool:
        try:
            for done in as_completed([pool.submit(_draw, stem, draw) for stem, draw in figures.items()]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _draw(stem: Path, draw: "Callable[[], Figure]") -> tuple[Path, ...]:
    return save_figure(draw(), stem)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _processors() -> int:
    """Return how many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1
