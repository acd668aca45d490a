"""The process of a trial is killed while its command goes on."""

import json
import os
import signal
import threading
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_killed_worker_costs_no_finished_step(disturbed: DisturbedSweep, gate: Any, wait: Any) -> None:
    def kill() -> None:
        wait(lambda: gate.held)
        os.kill(json.loads((disturbed.runs / "trials" / gate.held[0] / "lock").read_text())["pid"], signal.SIGKILL)
        gate.open()

    killer = threading.Thread(target=kill)
    killer.start()
    outcome, text = disturbed.run(gate.fault(5))
    killer.join()
    assert outcome.exit_code == 0, text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_a_trial_whose_process_is_always_killed_fails_as_lost_and_the_others_finish(disturbed: DisturbedSweep) -> None:
    def die(config, trial_dir, step):
        if step == 4 and (config.loss.sdm, config.seed) == (0.2, 1):
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)

    outcome, text = disturbed.run(die)
    assert (outcome.exit_code, outcome.state.counts["finished"]) == (1, 3), text
    trial = next(row.trial for row in outcome.state.rows if row.trial.state == "failed")
    assert (trial.failure_kind, trial.step) == ("worker_lost", 3)
    assert "ended 3 times without a result" in str(trial.failure_message)

    outcome, _ = disturbed.run(retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 1)
    steps = (disturbed.runs / "trials" / trial.id / "steps.txt").read_text().split()
    assert steps == [str(step) for step in range(1, 9)]
    disturbed.assert_same_files()
