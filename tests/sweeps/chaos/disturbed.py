"""A sweep that a test disturbs, and what it has to come to all the same."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sweeps.definition.catalogue import SweepFile
from sweeps.runner import SweepOutcome
from tests.sweeps.chaos.chain import Fault, make_chain

STEPS = 8


class Ended(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int
    text: str


@dataclass(frozen=True)
class DisturbedSweep:
    """A sweep in a runs folder of its own, with the engine of the chain.

    Attributes:
        sweep: what is run.
        runs: its runs folder.
        reference: the runs folder of the same sweep, undisturbed.
        start_sweep: the fixture `start`.
        run_sweep: the fixture `run`.
        end: waits for a command to end.
        compare: the fixture `same_files`.
    """

    sweep: SweepFile
    runs: Path
    reference: Path
    start_sweep: Callable[..., subprocess.Popen[str]]
    run_sweep: Callable[..., tuple[SweepOutcome, str]]
    end: Callable[[subprocess.Popen[str]], Ended]
    compare: Callable[..., None]

    def start(self, fault: Fault | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start the sweep as a command of its own."""
        return self.start_sweep(self.sweep, make_chain(fault), runs=self.runs, **options)

    def run(self, fault: Fault | None = None, **options: Any) -> tuple[SweepOutcome, str]:
        """Run the sweep in this process, on the shared Ray."""
        return self.run_sweep(self.sweep, make_chain(fault), runs=self.runs, **options)

    @property
    def steps(self) -> dict[str, list[int]]:
        """The steps that each trial of the runs folder did, over all sessions."""
        files = (self.runs / "trials").glob("*/steps.txt")
        return {path.parent.name: [int(line) for line in path.read_text().split()] for path in files}

    def assert_ends_well(self, command: subprocess.Popen[str]) -> None:
        """Wait for a command to end without an error."""
        code, text = self.end(command)
        assert code == 0, text

    def assert_each_step_once(self) -> None:
        """Assert that each trial did all its steps, in order and none twice."""
        assert all(steps == list(range(1, STEPS + 1)) for steps in self.steps.values()), self.steps

    def assert_same_files(self) -> None:
        """Assert that the results are those of the reference, and that nothing else is left."""
        self.compare(self.runs, self.reference, self.sweep)
