"""Trials of zero cost through the whole engine: what a trial costs beside its training, and whether it grows linearly.

Each count of trials is a sweep of its own in a process of its own, through Ray and with real records: time from the
command to its end, slot time a warm trial, peak memory of the command, and time of `status` and `tables` afterwards.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from resident import resident_peak

SEEDS = 10
WARM = 8
"""Trials at the beginning that are left out of the time a trial, since their processes are still starting."""


def make_dataset(folder: Path) -> Path:
    """Write six tiny cases; the engine reads none of them."""
    from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info

    label = np.zeros((8, 8, 8), np.uint8)
    label[2:6, 2:6, 2:6] = 1
    names = tuple(f"case{index}" for index in range(6))
    image, grid = np.zeros((8, 8, 8), np.float32), Grid((1, 1, 1), np.eye(4), label.shape)
    digests = {name: write_case(folder, name, image, label, grid, classes=1) for name in names}
    info = build_info(
        folder,
        name="boxes",
        channels=("mr",),
        classes=("box",),
        splits=Splits(train_labeled=names[:1], train_unlabeled=names[1:2], val=names[2:3], test=names[3:]),
        train_order=names[:2],
        digests=digests,
        origin=Origin("made by a benchmark", preset="phantom"),
    )
    write_info(folder, info)
    return folder


def make_engine(cases: int) -> Any:
    """Return an engine that trains nothing and scores at random."""
    from simcvd.metrics.names import METRICS
    from sweeps.trial.engine import Engine

    def scores(seed: str, count: int) -> list[Any]:
        random = np.random.default_rng(abs(hash(seed)))
        voxels = {"predicted_voxels": 9, "reference_voxels": 8, "empty_prediction": False, "empty_reference": False}
        return [
            SimpleNamespace(
                case_id=f"case{case:03d}",
                class_id=1,
                class_name="box",
                dice=float(random.random()),
                **dict.fromkeys(METRICS[1:], 1.0),
                **voxels,
            )
            for case in range(count)
        ]

    def train(config: Any, dataset: Path, trial_dir: Path, **others: Any) -> Any:
        steps = config.training.steps
        (trial_dir / "log.jsonl").write_text(json.dumps({"step": steps, "steps": steps, "seconds": 0.1}) + "\n")
        return SimpleNamespace(steps=steps, seconds=0.1, val_scores=scores(trial_dir.name, 1))

    def evaluate(trial_dir: Path, dataset: Path, split: str, **others: Any) -> list[Any]:
        return scores(trial_dir.name, cases)

    return Engine(train, evaluate)


def run(count: int, cases: int) -> dict[str, float]:
    """Run a sweep of `count` trials; return seconds and bytes."""
    from rich.console import Console

    from analysis.tables import write_tables
    from sweeps.definition.catalogue import SweepFile
    from sweeps.request import SweepRequest
    from sweeps.runner import run_sweep
    from sweeps.status.sweep import read_status

    with tempfile.TemporaryDirectory() as place:
        dataset, runs = make_dataset(Path(place) / "dataset"), Path(place) / "runs"
        values = [round(0.001 * number, 3) for number in range(count // SEEDS)]
        sweep = SweepFile.model_validate(
            {
                "name": "many",
                "base": {"training.steps": 5},
                "axes": {"loss.sdm": values},
                "reference": {"loss.sdm": values[0]},
                "seeds": list(range(SEEDS)),
            }
        )
        with open("/dev/null", "w") as nowhere:
            console = Console(file=nowhere)
            begun = time.time()
            request = SweepRequest(sweep, dataset, runs)
            outcome = run_sweep(request, console=console, engine=make_engine(cases))
            whole = time.time() - begun
            assert outcome.exit_code == 0, outcome.state.counts
            memory = resident_peak()
            again = _seconds(lambda: run_sweep(request, console=console, engine=make_engine(cases)))
        ended = sorted(path.stat().st_mtime for path in (runs / "results" / "trials").iterdir())
        return {
            "trials": count,
            "seconds": whole,
            "seconds_a_warm_trial": outcome.state.slots * (ended[-1] - ended[WARM]) / (count - WARM - 1),
            "seconds_before_the_first": ended[0] - begun,
            "command_bytes": memory,
            "status_seconds": _seconds(lambda: read_status(runs, "many")),
            "tables_seconds": _seconds(lambda: write_tables(runs, "many")),
            "again_seconds": again,
        }


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--trials", default="250,500,1000", help="counts, separated by commas")
    given.add_argument("--cases", type=int, default=80, help="test cases of each trial")
    given.add_argument("--json", action="store_true", help="print JSON")
    given.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = given.parse_args()
    if asked.one is not None:
        print(json.dumps(run(asked.one, asked.cases)))
        return
    found = []
    for count in map(int, asked.trials.split(",")):
        line = [sys.executable, __file__, "--one", str(count), "--cases", str(asked.cases)]
        printed = subprocess.run(line, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(printed.splitlines()[-1]))
        if not asked.json:
            one = found[-1]
            print(
                f"{one['trials']:5} trials: {one['seconds']:.0f} s in all, "
                f"{one['seconds_before_the_first']:.1f} s before the first, "
                f"{one['seconds_a_warm_trial']:.2f} s of a slot each; "
                f"command {one['command_bytes'] / 2**20:.0f} MiB; "
                f"status {one['status_seconds']:.2f} s, tables {one['tables_seconds']:.2f} s, "
                f"the same command again {one['again_seconds']:.2f} s",
                flush=True,
            )
    if asked.json:
        print(json.dumps({"sweeps": found}))


if __name__ == "__main__":
    main()
