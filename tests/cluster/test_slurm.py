"""The recipe for SLURM on hosts with their own addresses; `srun` and `scontrol` are stand-ins that use ssh."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import hosts
from tests.cluster.background import Background, logged_steps, until
from tests.cluster.slurm import NODES, RAY_LEFT, RECIPE, SWEEP, each_has_a_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
Lab = dict[str, hosts.Host]
JOB = 4711
PORT = 20000 + JOB % 3000 * 4
HOME = f"{hosts.SHARED}/slurm/home"

# As the real one: it starts the command on each node with this environment and folder, and ends as the worst of them.
_SRUN = r"""#!/bin/bash
echo "srun $*" >> "$FAKE/calls"
while [[ $1 == --* ]]; do shift; done
for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
  task=$FAKE/task-$$-$node
  { declare -px; printf 'cd %q && exec' "$PWD"; printf ' %q' "$@"; echo; } > "$task"
  ssh -o BatchMode=yes "root@$node" bash "$task" < /dev/null &
  tasks+=($!)
done
worst=0
for task in "${tasks[@]}"; do
  wait "$task"; code=$?
  (( code > worst )) && worst=$code
done
exit $worst
"""
_SCONTROL = r"""#!/bin/bash
[ "$1 $2" = "show hostnames" ] && { tr , '\n' <<< "$3"; exit; }
echo "scontrol $*" >> "$FAKE/calls"
"""


class Job(Background):
    """The batch script of a job, on its first node."""

    def __init__(self, head: hosts.Host, folder: Path, arguments: str) -> None:
        environment = {
            "HOME": HOME,
            "FAKE": f"{hosts.SHARED}/slurm",
            "PATH": f"{hosts.SHARED}/slurm/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "SIMCVD_VENV": sys.prefix,
            "SLURM_JOB_ID": str(JOB),
            "SLURM_JOB_NODELIST": ",".join(NODES),
            "SLURM_JOB_NUM_NODES": str(len(NODES)),
            "SLURM_CPUS_PER_TASK": "1",
        }
        (folder / "calls").write_text("")
        script = f"echo $$ > {hosts.SHARED}/slurm/batch.pid; exec bash {RECIPE} {arguments}"
        self._calls = folder / "calls"
        given = (f"{key}={value}" for key, value in environment.items())
        runs = folder / "home" / "runs"
        super().__init__(head, "env", *given, "bash", "-c", script, patience_s=300, told=lambda: logged_steps(runs))

    def signal(self, name: str) -> None:
        self.host.run(f"kill -{name} $(cat {hosts.SHARED}/slurm/batch.pid)")

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()


@pytest.fixture(scope="module")
def folder(lab: Lab, no_ray: None, tmp_path_factory) -> Path:
    folder = Path(os.fspath(tmp_path_factory.getbasetemp())) / "lab0" / "shared" / "slurm"
    (folder / "bin").mkdir(parents=True)
    (folder / "home").mkdir()
    for name, text in {"srun": _SRUN, "scontrol": _SCONTROL}.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "queued.yaml").write_text(SWEEP)
    return folder


@pytest.fixture
def submit(lab: Lab, folder: Path) -> Iterator[Callable[[str], Job]]:
    made = []

    def begin(arguments: str) -> Job:
        made.append(Job(lab["head"], folder, arguments))
        return made[-1]

    yield begin
    for job in made:
        job.finish()
    for name in NODES:
        lab[name].run("ray stop --force", check=False)


def _nothing_is_left(lab: Lab, folder: Path) -> None:
    for name in NODES:
        left = lab[name].run(f"{RAY_LEFT}; ls -d /tmp/simcvd-*", check=False).stdout
        assert not left, f"{name}: {left}"
    assert not list((folder / "home" / ".simcvd").iterdir())


def test_a_job_runs_the_sweep_on_all_its_nodes_and_leaves_no_ray(submit, lab: Lab, folder: Path) -> None:
    job = submit("dropout --set training.steps=10")
    token = folder / "home" / ".simcvd" / f"slurm-{JOB}" / "auth_token"
    until(token.exists, 120, every_s=0.1)
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    began = time.monotonic()
    code, told = job.end()
    print(f"{time.monotonic() - began:.0f} s\n{told}")
    assert code == 0
    assert "7 of 7 finished" in told
    trials = folder / "home" / "runs" / "trials"
    spread = Counter(json.loads((trial / "lock").read_text())["host"] for trial in trials.iterdir())
    print("trials by host:", dict(spread))
    assert set(spread) == set(NODES)
    assert [call for call in job.calls if call.startswith("srun --nodes=3 --ntasks-per-node=1 --cpus-per-task=1 ")]
    assert not any("requeue" in call for call in job.calls)
    _nothing_is_left(lab, folder)


def test_the_exit_code_of_a_sweep_that_is_refused_is_the_jobs(submit, lab: Lab, folder: Path) -> None:
    code, told = submit("dropout --set training.stepz=10").end()
    assert code == 2
    assert "training.stepz" in told
    _nothing_is_left(lab, folder)


def test_before_its_time_is_over_a_job_writes_checkpoints_and_goes_on_when_it_is_queued_again(
    submit, lab: Lab, folder: Path
) -> None:
    arguments = f"{hosts.SHARED}/slurm/queued.yaml"
    runs = folder / "home" / "runs"
    before = set(logged_steps(runs))

    def own() -> dict[str, list[int]]:
        return {name: steps for name, steps in logged_steps(runs).items() if name not in before}

    job = submit(arguments)
    job.until(lambda: sum(bool(steps) and steps[-1] > 10 for steps in own().values()) >= 3, 400, every_s=0.1)
    unknown = lab["first"].run(f"ray status --address head:{PORT}", check=False)
    assert unknown.returncode != 0  # it has no token
    began = time.monotonic()
    job.signal("USR1")
    code, told = job.end(170)
    print(f"ended {time.monotonic() - began:.0f} s after the notice at", {name: s[-1] for name, s in own().items()})
    assert code == 130
    assert f"scontrol requeue {JOB}" in job.calls
    assert "goes into the queue again" in told
    steps = own()
    assert all(10 < trial[-1] < 100 for trial in steps.values())
    each_has_a_checkpoint(runs, steps)
    _nothing_is_left(lab, folder)

    again = submit(arguments)
    code, told = again.end()
    assert code == 0
    assert "3 of 3 finished" in told
    for trial, all_steps in own().items():
        assert all_steps == [*range(1, 101), 100], trial
    assert len(own()) == 3
    _nothing_is_left(lab, folder)


def test_a_job_that_is_told_to_stop_stops_and_is_not_queued_again(submit, lab: Lab, folder: Path) -> None:
    job = submit("dropout --set training.steps=2000 --set training.checkpoint_every_steps=1000")
    runs = folder / "home" / "runs"
    before = set(logged_steps(runs))
    job.until(lambda: set(logged_steps(runs)) - before, 400)
    job.signal("INT")
    code, _ = job.end(170)
    assert code == 130
    assert not any("requeue" in call for call in job.calls)
    _nothing_is_left(lab, folder)
