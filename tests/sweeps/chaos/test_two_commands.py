"""Two commands start at the same moment on one runs folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_of_two_commands_with_one_sweep_one_is_refused_and_the_other_unharmed(
    disturbed: DisturbedSweep, shared_ray: str, gate: Any, wait: Any
) -> None:
    commands = [disturbed.start(gate.fault(5), address=shared_ray) for _ in range(2)]
    wait(lambda: any(command.poll() is not None for command in commands))
    gate.open()
    refused, ran = sorted((disturbed.end(command) for command in commands), reverse=True)
    assert (refused.code, ran.code) == (2, 0), (refused.text, ran.text)
    assert "The sweep mine is being run by another command; wait for it to end, or stop it." in refused.text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_two_commands_whose_sweeps_share_trials_compute_none_twice(
    disturbed: DisturbedSweep, tmp_path: Path, shared_ray: str, make_sweep: Any, gate: Any, wait: Any
) -> None:
    runs, both = disturbed.runs, tmp_path / "both"
    files = [make_sweep(0.1, 0.2, name="first"), make_sweep(0.2, 0.3, name="second")]
    sweeps = [replace(disturbed, sweep=file, reference=both) for file in files]
    commands = [sweep.start(gate.fault(5, sdm=0.2, seed=0), address=shared_ray) for sweep in sweeps]
    wait(lambda: any("is held by process" in path.read_text() for path in runs.glob("sweeps/*/ray/*/notices.txt")))
    gate.open()
    for command in commands:
        disturbed.assert_ends_well(command)
    assert len(disturbed.steps) == 6
    disturbed.assert_each_step_once()
    for sweep in sweeps:
        outcome, _ = sweep.run()
        assert (outcome.ran, outcome.exit_code) == (0, 0)
    for sweep in sweeps:
        replace(sweep, runs=both).run()
    for sweep in sweeps:
        sweep.assert_same_files()
