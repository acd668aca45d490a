"""Two ways of doing the same work, timed in turns within one run, so that a busy machine slows both alike."""

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """Times of one piece of work, in seconds.

    Attributes:
        work: what was done.
        usual: the field's way: all times, in the order of the pairs.
        ours: our way, likewise.
        agreement: how the two results compare.
    """

    work: str
    usual: list[float]
    ours: list[float]
    agreement: str

    def ratio(self, of: Callable[[Sequence[float]], float]) -> float:
        """Return how many times faster our way is, by `min` or `statistics.median`."""
        return of(self.usual) / of(self.ours)


def compare(
    work: str,
    usual: Callable[[], object],
    ours: Callable[[], object],
    repeats: int,
    agreement: str = "",
    finish: Callable[[], object] = lambda: None,
) -> Comparison:
    """Time both ways in pairs, the first of a pair alternating, after one round to warm up.

    Args:
        work: what is done.
        usual: the field's way.
        ours: our way.
        repeats: how many pairs.
        agreement: how the two results compare.
        finish: waits for the device.
    """
    times: dict[Callable[[], object], list[float]] = {usual: [], ours: []}
    for number in range(-1, repeats):
        for way in (usual, ours) if number % 2 else (ours, usual):
            finish()
            start = time.perf_counter()
            way()
            finish()
            if number >= 0:
                times[way].append(time.perf_counter() - start)
    return Comparison(work, times[usual], times[ours], agreement)


def apart(module: str, builder: str, *arguments: object) -> Callable[[], Any]:
    """Build one way in a process of its own, for what a process shares: its allocator, its threads, its caches.

    Args:
        module: beside this one.
        builder: its function, which returns the way as a callable.
        arguments: of the function.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(there, module, builder, arguments), daemon=True).start()
    there.close()

    def way() -> Any:
        here.send(True)
        return here.recv()  # EOFError where the process has ended

    return way


def _serve(asked: Connection, module: str, builder: str, arguments: tuple[object, ...]) -> None:
    way = getattr(importlib.import_module(module), builder)(*arguments)
    with suppress(EOFError):  # the other side has ended
        while asked.recv():
            asked.send(way())


def parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
    """Return a parser with the arguments all benchmarks share."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument("--repeats", type=int, default=repeats, help="pairs of measurements")
    result.add_argument("--json", action="store_true", help="print JSON with every time")
    return result


def sides(text: str) -> tuple[int, int, int]:
    """Parse `112x112x80`."""
    x, y, z = (int(side) for side in text.split("x"))
    return x, y, z


def show(comparisons: Sequence[Comparison], as_json: bool, at_least: float | None = None, **machine: Any) -> None:
    """Print the comparisons as a table, or with every time as JSON.

    Args:
        comparisons: the rows.
        as_json: print JSON.
        at_least: the ratio wanted of the first row.
        machine: what else to say about the machine, such as device and precision.
    """
    about = about_machine(**machine)
    if as_json:
        rows = [
            {**asdict(row), "ratio_min": row.ratio(min), "ratio_median": row.ratio(statistics.median)}
            for row in comparisons
        ]
        print(json.dumps({"machine": about, "at_least": at_least, "comparisons": rows}, indent=1, default=str))
        return
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    width = max(len(row.work) for row in comparisons)
    print(f"{'min / median, ms':{width}} {'usual':>19} {'ours':>19} {'ratio':>15}  agreement")
    for row in comparisons:
        usual, ours = (f"{min(t) * 1e3:9.2f} {statistics.median(t) * 1e3:9.2f}" for t in (row.usual, row.ours))
        ratio = f"{row.ratio(min):6.1f}x {row.ratio(statistics.median):6.1f}x"
        print(f"{row.work:{width}} {usual} {ours} {ratio}  {row.agreement}")
    if at_least is not None:
        print(f"wanted in the first row: at least {at_least:g}x")


def about_machine(**more: Any) -> dict[str, Any]:
    """Return what a reader of times must know of the machine, and `more` of it."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system(), **more}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
