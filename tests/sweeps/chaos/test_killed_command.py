"""The command that runs a sweep is ended in the middle."""

import os
import signal
import time
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.mark.parametrize(
    ("number", "own_ray"),
    [(signal.SIGKILL, True), (signal.SIGKILL, False), (signal.SIGINT, True)],
    ids=["kill, own Ray", "kill, joined Ray", "Ctrl-C"],
)
def test_a_command_that_was_ended_continues(
    disturbed: DisturbedSweep, number: signal.Signals, own_ray: bool, shared_ray: str, gate: Any, wait: Any
) -> None:
    runs, hold = disturbed.runs, gate.fault(5, sdm=0.2)

    def fault(config, trial_dir, step):
        hold(config, trial_dir, step)
        if step == 6 and config.loss.sdm == 0.2:
            import time

            time.sleep(1.1)  # longer than a trial goes on without asking whether to stop

    def in_the_middle() -> bool:  # two trials are done, and another one is begun
        return len(list(runs.glob("results/trials/*.parquet"))) == 2 and bool(gate.held)

    address = None if own_ray else shared_ray
    command = disturbed.start(fault, address=address, until=in_the_middle)
    if number == signal.SIGINT:
        os.killpg(command.pid, number)
        # The trials are told, and look at most once a second; the steps of this engine take no time.
        wait(lambda: any(time.time() - stop.stat().st_mtime > 1 for stop in runs.glob("sweeps/mine/ray/*/stop")))
        gate.open()
    else:
        os.kill(command.pid, number)
    code, text = disturbed.end(command)
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), text
    assert "Traceback" not in text

    outcome, text = disturbed.run()
    assert (outcome.exit_code, outcome.ran) == (0, 2), text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()
