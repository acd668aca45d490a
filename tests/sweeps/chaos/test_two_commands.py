"""Two commands start at the same moment on one runs folder."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_of_two_commands_with_one_sweep_one_is_refused_and_the_other_unharmed(
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    shared_ray: str,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    wait: Any,
    end: Any,
    undisturbed: Any,
    same_files: Any,
    steps_of: Any,
) -> None:
    sweep = make_sweep()
    commands = [start(sweep, make_chain(gate.fault(5)), address=shared_ray) for _ in range(2)]
    wait(lambda: any(command.poll() is not None for command in commands))
    gate.open()
    refused, ran = sorted((end(command) for command in commands), reverse=True)
    assert (refused.code, ran.code) == (2, 0), (refused.text, ran.text)
    assert "The sweep mine is being run by another command; wait for it to end, or stop it." in refused.text
    assert all(steps == list(range(1, 9)) for steps in steps_of(tmp_path / "runs").values())
    same_files(tmp_path / "runs", undisturbed(sweep), sweep)


def test_two_commands_whose_sweeps_share_trials_compute_none_twice(
    start: Callable[..., subprocess.Popen[str]],
    run: Callable[..., Any],
    tmp_path: Path,
    shared_ray: str,
    make_sweep: Any,
    make_chain: Any,
    gate: Any,
    wait: Any,
    end: Any,
    undisturbed: Any,
    same_files: Any,
    steps_of: Any,
) -> None:
    runs = tmp_path / "runs"
    sweeps = [make_sweep(0.1, 0.2, name="first"), make_sweep(0.2, 0.3, name="second")]
    commands = [start(sweep, make_chain(gate.fault(5, sdm=0.2, seed=0)), address=shared_ray) for sweep in sweeps]
    wait(lambda: any("is held by process" in path.read_text() for path in runs.glob("sweeps/*/ray/*/notices.txt")))
    gate.open()
    for command in commands:
        code, text = end(command)
        assert code == 0, text
    assert len(steps_of(runs)) == 6
    assert all(steps == list(range(1, 9)) for steps in steps_of(runs).values())
    for sweep in sweeps:
        outcome, _ = run(sweep, make_chain())
        assert (outcome.ran, outcome.exit_code) == (0, 0)
    both = tmp_path / "both"
    for sweep in sweeps:
        run(sweep, make_chain(), runs=both)
    for sweep in sweeps:
        same_files(runs, both, sweep)
