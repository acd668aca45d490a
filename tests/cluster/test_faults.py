"""What goes wrong while a sweep runs on hosts: nothing is lost, and nothing runs twice."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import hosts

Lab = dict[str, hosts.Host]
SWEEP = """
name: {name}
base:
  preset: phantom
  training.steps: {steps}
  training.checkpoint_every_steps: 5
  training.log_every_steps: 1
  training.learning_rate: 0.010{seed}
axes: {{projection.dropout: [0.0, 0.1, 0.5]}}
reference: {{projection.dropout: 0.1}}
"""


class Running:
    """`simcvd sweep` on the client, in the background."""

    def __init__(self, client: hosts.Host, shared: Path, name: str, *, text: str, options: str = "") -> None:
        self.client, self.name = client, name
        self.trials = shared / "runs" / "trials"
        client.run(f"cat > {name}.yaml <<'END'\n{text}\nEND")
        self.before = set(self.logs())
        self.command = f"simcvd sweep {name}.yaml --cluster cluster.yaml {options}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.client.command("bash", "-c", f"exec {self.command}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def signal(self, name: str) -> None:
        self.client.run(f"pkill -{name} -f 'bin/simcvd sweep {self.name}'")

    def end(self, timeout_s: float = 400) -> tuple[int, str]:
        """Wait for it and return exit code and output."""
        try:
            output, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
            print(output)
            raise
        print(output)
        return self.process.returncode, output

    def logs(self) -> dict[str, list[int]]:
        """Return the steps that each trial has logged."""
        steps = {}
        for path in sorted(self.trials.glob("*/log.jsonl")):
            lines = path.read_text().splitlines()
            steps[path.parent.name] = [json.loads(line)["step"] for line in lines if line.endswith("}")]
        return steps

    @property
    def own(self) -> dict[str, list[int]]:
        return {name: steps for name, steps in self.logs().items() if name not in self.before}

    def holder(self, trial: str) -> str:
        return str(json.loads((self.trials / trial / "lock").read_text())["host"])

    def until(self, reached: Callable[[], Any], timeout_s: float = 240) -> Any:
        end = time.monotonic() + timeout_s
        while not (found := reached()):
            assert time.monotonic() < end, self.logs()
            assert self.process.poll() is None, self.end()
            time.sleep(0.2)
        return found

    def trial_on(self, host: str, step: int = 6) -> str | None:
        """Return a trial of this sweep that has done some steps there."""
        own = self.own
        return next(
            (t for t, steps in own.items() if steps and step <= steps[-1] < 40 and self.holder(t) == host), None
        )


@pytest.fixture
def running(lab: Lab, shared: Path) -> Iterator[Callable[[str, int], Running]]:
    made = []

    def begin(name: str, seed: int, steps: int = 60) -> Running:
        text = SWEEP.format(name=name, seed=seed, steps=steps)
        made.append(Running(lab["client"], shared, name, text=text))
        return made[-1]

    yield begin
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()
        lab["client"].run(f"simcvd cluster stop cluster.yaml {shlex.quote(each.name)}", timeout_s=120, check=False)


def _whole(running: Running, steps: int = 60) -> None:
    """All trials are finished, and each step was logged once; the last one again with its val scores."""
    assert len(running.own) == 3
    for trial, logged in running.own.items():
        assert logged == [*range(1, steps + 1), steps], trial


def test_a_client_that_is_killed_finds_its_sweep_again(running, lab: Lab) -> None:
    sweep = running("gone", 11)
    sweep.until(lambda: any(steps and steps[-1] > 5 for steps in sweep.own.values()))
    sweep.signal("KILL")
    sweep.end()
    time.sleep(2)
    assert "ssh" not in lab["client"].run("pgrep -a ssh | grep -v sshd || true").stdout
    sweep.start()
    code, told = sweep.end()
    assert code == 0
    assert "runs on test already; following it" in told
    assert "3 of 3 finished" in told
    _whole(sweep)


@pytest.mark.slow
def test_ctrl_c_leaves_the_sweep_running_and_it_can_be_stopped(running, simcvd) -> None:
    sweep = running("left", 12)
    sweep.until(lambda: any(steps and steps[-1] > 5 for steps in sweep.own.values()))
    sweep.signal("INT")
    code, told = sweep.end(30)
    assert code == 130
    assert "simcvd cluster stop cluster.yaml left" in told
    assert "left" in simcvd("cluster status cluster.yaml").stdout
    then = sum(map(len, sweep.own.values()))
    time.sleep(3)
    assert sum(map(len, sweep.own.values())) > then
    stopped = simcvd("cluster stop cluster.yaml left")
    assert stopped.returncode == 0, stopped.stderr
    then = sum(map(len, sweep.own.values()))
    time.sleep(2)
    assert sum(map(len, sweep.own.values())) == then
    assert simcvd("cluster stop cluster.yaml left").returncode == 2
    sweep.start()
    assert sweep.end()[0] == 0
    _whole(sweep)


def test_the_trial_of_a_host_that_is_cut_off_goes_on_elsewhere(running, lab: Lab) -> None:
    steps = 160  # the host that is cut off goes on for half a minute; it must not come to the end
    sweep = running("cut", 13, steps)
    trial = sweep.until(lambda: sweep.trial_on("second"))
    lab["second"].cut()
    try:
        began = time.monotonic()
        sweep.until(lambda: sweep.holder(trial) != "second")
        print(f"taken over by {sweep.holder(trial)} after {time.monotonic() - began:.0f} s")
        code, _ = sweep.end()
    finally:
        lab["second"].mend()
    assert code == 0
    _whole(sweep, steps)


@pytest.mark.slow
def test_the_trials_of_a_host_that_is_killed_go_on_elsewhere(running, lab: Lab) -> None:
    sweep = running("killed", 14)
    trial = sweep.until(lambda: sweep.trial_on("first"))
    lab["first"].kill()
    try:
        began = time.monotonic()
        sweep.until(lambda: sweep.holder(trial) != "first")
        print(f"taken over by {sweep.holder(trial)} after {time.monotonic() - began:.0f} s")
        code, _ = sweep.end()
    finally:
        lab["first"].boot()
    assert code == 0
    _whole(sweep)


def test_a_head_that_is_started_again_continues_the_sweep(running, lab: Lab) -> None:
    sweep = running("headless", 15)
    sweep.until(lambda: any(steps and steps[-1] > 8 for steps in sweep.own.values()))
    before = {trial: steps[-1] for trial, steps in sweep.own.items() if steps}
    lab["head"].kill()
    lab["head"].boot()
    code, told = sweep.end()
    assert code == 2
    assert "Ray on the head has ended" in told
    sweep.start()
    code, told = sweep.end()
    assert code == 0
    assert "Starting the cluster" in told
    _whole(sweep)
    for trial, step in before.items():
        resumed = json.loads((sweep.trials / trial / "environment.json").read_text())
        print(trial, "was at", step, resumed.get("resumed_from"))
