"""A sweep of three trials that runs on the hosts while a test interferes."""

import json
from pathlib import Path

from tests.cluster import hosts
from tests.cluster.background import Background, logged_steps

SWEEP = """
name: {name}
base:
  preset: phantom
  training.steps: {steps}
  training.checkpoint_every_steps: {checkpoint_every_steps}
  training.log_every_steps: 1
  training.learning_rate: 0.010{seed}
axes: {{projection.dropout: [0.0, 0.1, 0.5]}}
reference: {{projection.dropout: 0.1}}
"""


class Running(Background):
    """`simcvd sweep` on the client, in the background.

    Attributes:
        name: the sweep's.
        trials: the folder of the trials of all sweeps, as this machine sees it.
        before: the trials that were there before it.
    """

    def __init__(self, client: hosts.Host, shared: Path, name: str, *, text: str, options: str = "") -> None:
        self.name = name
        self._runs = shared / "runs"
        self.trials = self._runs / "trials"
        client.run(f"cat > {name}.yaml <<'END'\n{text}\nEND")
        self.before = set(self.logs())
        command = f"exec simcvd sweep {name}.yaml --cluster cluster.yaml {options}"
        super().__init__(client, "bash", "-c", command, told=self.logs)

    def signal(self, name: str) -> None:
        """Send it a signal."""
        self.host.run(f"pkill -{name} -f 'bin/simcvd sweep {self.name}'")

    def logs(self) -> dict[str, list[int]]:
        """Return the steps that each trial has logged, those of earlier sweeps too."""
        return logged_steps(self._runs)

    @property
    def own(self) -> dict[str, list[int]]:
        """The steps that each trial of this sweep has logged."""
        return {name: steps for name, steps in self.logs().items() if name not in self.before}

    def holder(self, trial: str) -> str:
        """Return the host that has a trial's lock."""
        return str(json.loads((self.trials / trial / "lock").read_text())["host"])

    def trial_on(self, host: str, step: int = 6) -> str | None:
        """Return a trial of this sweep that has done some steps there."""
        own = self.own
        return next(
            (t for t, steps in own.items() if steps and step <= steps[-1] < 40 and self.holder(t) == host), None
        )


def whole(running: Running, steps: int = 60) -> None:
    """All trials are finished, and each step was logged once; the last one again with its val scores."""
    assert len(running.own) == 3
    for trial, logged in running.own.items():
        assert logged == [*range(1, steps + 1), steps], trial
