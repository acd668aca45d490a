"""Processes are killed while they write a result."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

Tear = Callable[..., Any]


@pytest.fixture
def tear(tmp_path: Path) -> Tear:
    """Return a fault: once, a result file is left half-written by a process that is killed over it."""

    def make(kind: str, whole_command: bool) -> Any:
        once, lock = tmp_path / "torn", tmp_path / "runs" / "sweeps" / "mine" / "lock"

        def fault(config, trial_dir, step):
            if step != 8 or once.exists():
                return
            import json
            import os
            import signal

            whole = os.replace

            def torn(partial, target):
                if f"/results/{kind}/" not in str(partial):
                    return whole(partial, target)
                try:
                    once.open("x").close()
                except FileExistsError:
                    return whole(partial, target)
                os.truncate(partial, partial.stat().st_size // 2)
                if whole_command:
                    os.killpg(json.loads(lock.read_text())["pid"], signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)

            os.replace = torn

        return fault

    return make


@pytest.mark.parametrize("kind", ["cases", "trials"])
def test_a_worker_killed_while_it_writes_leaves_nothing_torn(
    disturbed: DisturbedSweep, tmp_path: Path, kind: str, tear: Tear
) -> None:
    outcome, text = disturbed.run(tear(kind, whole_command=False))
    assert (tmp_path / "torn").exists()
    assert outcome.exit_code == 0, text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_a_command_killed_with_all_its_processes_while_one_writes_leaves_nothing_torn(
    disturbed: DisturbedSweep, tmp_path: Path, tear: Tear
) -> None:
    from analysis.runs.records import read_cases, read_trials

    runs, killer = disturbed.runs, tear("cases", whole_command=True)
    code, text = disturbed.end(disturbed.start(killer, until=lambda: (tmp_path / "torn").exists()))
    assert code == -signal.SIGKILL, text
    halves = list(runs.glob("results/cases/.*"))
    assert len(halves) == 1
    # Whoever reads the folder meets whole files only: our own reader, and others that take all of it.
    import pandas as pd

    finished = len(read_trials(runs))
    assert finished < 4
    if finished:
        assert len(read_cases(runs)) == len(pd.read_parquet(runs / "results" / "cases"))

    outcome, text = disturbed.run()
    assert outcome.exit_code == 0, text
    disturbed.assert_same_files()
