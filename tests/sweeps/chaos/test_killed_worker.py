"""The process of a trial is killed while its command goes on."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_killed_worker_costs_no_finished_step(
    run: Callable[..., Any],
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    wait: Any,
    undisturbed: Any,
    same_files: Any,
    steps_of: Any,
) -> None:
    runs, sweep = tmp_path / "runs", make_sweep()

    def kill() -> None:
        wait(lambda: gate.held)
        os.kill(json.loads((runs / "trials" / gate.held[0] / "lock").read_text())["pid"], signal.SIGKILL)
        gate.open()

    killer = threading.Thread(target=kill)
    killer.start()
    outcome, text = run(sweep, make_chain(gate.fault(5)))
    killer.join()
    assert outcome.exit_code == 0, text
    assert all(steps == list(range(1, 9)) for steps in steps_of(runs).values())
    same_files(runs, undisturbed(sweep), sweep)


def test_a_trial_whose_process_is_always_killed_fails_as_lost_and_the_others_finish(
    run: Callable[..., Any],
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    undisturbed: Any,
    same_files: Any,
) -> None:
    def die(config, trial_dir, step):
        if step == 4 and (config.loss.sdm, config.seed) == (0.2, 1):
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)

    runs, sweep = tmp_path / "runs", make_sweep()
    outcome, text = run(sweep, make_chain(die))
    assert (outcome.exit_code, outcome.state.counts["finished"]) == (1, 3), text
    trial = next(row.trial for row in outcome.state.rows if row.trial.state == "failed")
    assert (trial.failure_kind, trial.step) == ("worker_lost", 3)
    assert "ended 3 times without a result" in str(trial.failure_message)

    outcome, _ = run(sweep, make_chain(), retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 1)
    assert (runs / "trials" / trial.id / "steps.txt").read_text().split() == [str(step) for step in range(1, 9)]
    same_files(runs, undisturbed(sweep), sweep)
