"""Every benchmark of speed beside what is wanted of it, one after the other on this machine, as a Markdown table.

    python benchmarks/everything.py [--beside CHECKOUT]

CHECKOUT is a folder with another version of this repository, as `git worktree add CHECKOUT COMMIT` makes. Each of its
benchmarks runs right after ours, with its code and this environment's libraries; what it lacks shows as "-". Takes
a quarter of an hour on two cores. Nothing else should run on the machine.

Not here: `gpu.py` (needs a GPU), `host_scaling.py` (needs root), `coverage.py` and `method_costs.py` (nothing is wanted
of their times).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairs import about_machine

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Line:
    """One row of the table, as text: what was done, the goal, the result, and the times behind it."""

    work: str
    wanted: str
    seen: str
    times: str


def of_pairs(title: str, found: dict[str, Any]) -> Iterator[Line]:
    """Read two ways timed in turns; the goal is that of the first row."""
    wanted = f"{found['at_least']:g}x" if found["at_least"] else ""
    for number, row in enumerate(found["comparisons"]):
        usual, ours = min(row["usual"]), min(row["ours"])
        yield Line(
            f"{title}: {row['work']}",
            "" if number else wanted,
            f"{row['ratio_min']:.1f}x / {row['ratio_median']:.1f}x",
            f"{_seconds(usual)} against {_seconds(ours)}; {row['agreement']}",
        )


def of_tables(title: str, found: dict[str, Any]) -> Iterator[Line]:
    """Read the tables' times, whose second goal is an absolute one."""
    yield from of_pairs(title, found)
    ours = statistics.median(found["comparisons"][0]["ours"])
    peaks = ", ".join(f"{value} ({name})" for name, value in found["machine"].items() if name.startswith("peak"))
    yield Line(f"{title}: seconds of ours", "under 5 s", f"{ours:.2f} s", peaks)


def of_engine(title: str, found: dict[str, Any]) -> Iterator[Line]:
    """Read what trials of zero cost take."""
    for sweep in found["sweeps"]:
        yield Line(
            f"{title}: {sweep['trials']} trials",
            "under 1 s a trial",
            f"{sweep['seconds_a_warm_trial']:.2f} s",
            f"{sweep['seconds']:.0f} s in all, command {sweep['command_bytes'] / 2**20:.0f} MiB, tables "
            f"{sweep['tables_seconds']:.2f} s",
        )


def of_precision(title: str, found: dict[str, Any]) -> Iterator[Line]:
    """Read the errors of weight gradients."""
    for row in found["crops"]:
        yield Line(
            f"{title}: {row['crop']}",
            f"at most {found['worst_allowed']:.0%}",
            f"{row['worst']:.3%}",
            f"{row['convolutions']} convolutions, median {row['median']:.3%}",
        )


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder with its arguments, and how its JSON is read."""

    title: str
    script: str
    arguments: tuple[str, ...] = ()
    read: Callable[[str, dict[str, Any]], Iterator[Line]] = of_pairs


BENCHMARKS = (
    Benchmark("training step", "training_step.py", ("--crop", "112x112x80", "--repeats", "2")),
    Benchmark("training step", "training_step.py", ("--repeats", "7")),
    Benchmark("training step, one thread", "training_step.py", ("--repeats", "5", "--threads", "1")),
    Benchmark(
        "sliding window, 130x112x88 in windows of 112x112x80",
        "sliding_window.py",
        ("--shape", "130x112x88", "--crop", "112x112x80", "--stride", "18x18x4", "--repeats", "2"),
    ),
    Benchmark("sliding window, 80x64x48 in windows of 48x48x32", "sliding_window.py", ("--repeats", "5")),
    Benchmark("the same in float32", "sliding_window.py", ("--repeats", "5", "--precision", "float32")),
    Benchmark("training item", "item_loading.py"),
    Benchmark("distance map of a crop", "sdm.py"),
    Benchmark("four metrics of a case", "metrics.py"),
    Benchmark("tables", "tables.py", read=of_tables),
    Benchmark("a trial beside its training", "engine.py", ("--trials", "250,1000"), of_engine),
    Benchmark("weight gradients in bfloat16", "precision.py", read=of_precision),
)


def measure(benchmark: Benchmark, checkout: Path) -> list[Line] | str:
    """Run a benchmark of a version; return its rows, or the last line of what went wrong.

    Args:
        benchmark: which.
        checkout: the folder of the version.
    """
    script = checkout / "benchmarks" / benchmark.script
    command = [sys.executable, str(script), "--json", *benchmark.arguments]
    done = subprocess.run(command, cwd=checkout, env=_environment(checkout), capture_output=True, text=True)
    printed = done.stdout[done.stdout.find("{") :]
    try:
        return list(benchmark.read(benchmark.title, json.loads(printed)))
    except (ValueError, KeyError):
        return (done.stderr.strip().splitlines() or ["it printed no JSON"])[-1]


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}  # before what is installed


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--beside", type=Path, metavar="CHECKOUT", help="another version's folder")
    arguments.add_argument("--only", metavar="SCRIPT", help="one script's rows alone, such as sdm.py")
    given = arguments.parse_args()
    chosen = [each for each in BENCHMARKS if given.only in (None, each.script)]
    if not chosen:
        scripts = sorted({each.script for each in BENCHMARKS})
        arguments.error(f"no benchmark is called {given.only}; there are {', '.join(scripts)}")
    if given.beside is not None and not (given.beside / "benchmarks").is_dir():
        arguments.error(f"{given.beside} has no folder benchmarks")
    print(", ".join(f"{name} {value}" for name, value in about_machine().items()))
    print("\nRatios of the fastest and of the median times; the times are the fastest.\n")
    other = [] if given.beside is None else ["the other"]
    print(f"| {' | '.join(['work', 'wanted', 'seen', *other, 'behind it'])} |")
    print(f"|{' --- |' * (4 + len(other))}", flush=True)
    failed = []
    for benchmark in chosen:
        ours = measure(benchmark, HERE)
        if isinstance(ours, str):
            failed.append(f"{benchmark.script}: {ours}")
            continue
        theirs = [] if given.beside is None else measure(benchmark, given.beside.resolve())
        if isinstance(theirs, str):
            print(f"{benchmark.script} of the other version: {theirs}", file=sys.stderr, flush=True)
            theirs = []
        seen = {line.work: line.seen for line in theirs}
        for line in ours:
            beside = [seen.get(line.work, "-")] if other else []
            cells = [line.work, line.wanted, line.seen, *beside, line.times]
            print(f"| {' | '.join(cells)} |", flush=True)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
