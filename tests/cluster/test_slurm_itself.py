"""The recipe for SLURM under SLURM: its controller and daemons on hosts with their own addresses."""

import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import hosts
from tests.cluster.background import logged_steps, until
from tests.cluster.slurm import NODES, RAY_LEFT, RECIPE, SWEEP, each_has_a_checkpoint

Lab = dict[str, hosts.Host]
PLACE = f"{hosts.SHARED}/slurm-itself"
CONFIGURATION = """
ClusterName=test
SlurmctldHost=head
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=15
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=/tmp/slurmctld
SlurmdSpoolDir=/tmp/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/tmp/slurmctld.log
SlurmdLogFile=/tmp/slurmd.log
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=head,first,second CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"

_absent = any(shutil.which(tool, path=SBIN) is None for tool in ("slurmctld", "slurmd", "sbatch", "munged"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_absent, reason="needs SLURM and munge"),
    pytest.mark.timeout(1500),
]


@pytest.fixture(scope="module")
def folder(lab: Lab, no_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the nodes of a running SLURM share."""
    folder = Path(os.fspath(tmp_path_factory.getbasetemp())) / "lab0" / "shared" / "slurm-itself"
    (folder / "home").mkdir(parents=True)
    (folder / "slurm.conf").write_text(CONFIGURATION)
    (folder / "queued.yaml").write_text(SWEEP)
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    munge = " ".join(
        [
            "mkdir -p -m 755 /run/munge && munged --force --num-threads=1",
            f"--key-file={PLACE}/munge.key --socket=/run/munge/munge.socket.2 --pid-file=/run/munge/munged.pid",
            "--log-file=/run/munge/munged.log --seed-file=/run/munge/munged.seed",
        ]
    )
    for name in NODES:
        lab[name].run(munge)
    lab["head"].run(f"mkdir -p /tmp/slurmctld && SLURM_CONF={PLACE}/slurm.conf slurmctld")
    for name in NODES:
        lab[name].run(f"mkdir -p /tmp/slurmd && SLURM_CONF={PLACE}/slurm.conf slurmd")
    until(lambda: "idle 3" in _slurm(lab, "sinfo --noheader --format='%T %D'"), 60)
    yield folder
    for name in NODES:
        lab[name].run("pkill slurmctld; pkill slurmd; pkill munged", check=False)


def _slurm(lab: Lab, command: str) -> str:
    environment = f"HOME={PLACE}/home SLURM_CONF={PLACE}/slurm.conf SIMCVD_VENV={sys.prefix}"
    done = lab["head"].run(f"cd {PLACE} && {environment} {command}", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_job_that_is_told_of_its_end_is_queued_again_and_ends_complete(lab: Lab, folder: Path) -> None:
    submitted = _slurm(lab, f"sbatch --cpus-per-task=1 --time=60 {RECIPE} {PLACE}/queued.yaml")
    job = submitted.split()[-1]
    log = folder / f"simcvd-{job}.log"
    runs = folder / "home" / "runs"

    def shown(key: str) -> str:
        return re.search(rf"\b{key}=(\S+)", _slurm(lab, f"scontrol show job {job}"))[1]

    try:
        until(lambda: sum(bool(steps) and steps[-1] > 5 for steps in logged_steps(runs).values()) == 3, 300)
        assert shown("JobState") == "RUNNING"
        _slurm(lab, f"scancel --batch --signal=USR1 {job}")
        told = time.monotonic()
        until(lambda: shown("Restarts") == "1", 180)
        print(
            f"queued again {time.monotonic() - told:.0f} s after the notice at",
            {trial: steps[-1] for trial, steps in logged_steps(runs).items()},
        )
        assert all(steps[-1] < 100 for steps in logged_steps(runs).values())
        each_has_a_checkpoint(runs, logged_steps(runs))
        until(lambda: shown("JobState") not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED"), 500)
    finally:
        print(log.read_text() if log.exists() else "no log")
    assert (shown("JobState"), shown("ExitCode"), shown("Restarts")) == ("COMPLETED", "0:0", "1")
    assert "3 of 3 finished" in log.read_text()
    assert len(logged_steps(runs)) == 3
    for trial, steps in logged_steps(runs).items():
        assert steps == [*range(1, 101), 100], trial
    trials = (runs / "trials").iterdir()
    assert {json.loads((trial / "lock").read_text())["host"] for trial in trials} <= set(NODES)
    for name in NODES:
        assert not lab[name].run(f"{RAY_LEFT}; ls -d /tmp/simcvd-*", check=False).stdout, name
