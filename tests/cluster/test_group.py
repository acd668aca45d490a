"""A trial of two workers on two hosts, by gloo."""

import time
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster import hosts
from tests.cluster.sweeping import Running

Lab = dict[str, hosts.Host]
SWEEP = """
name: {name}
base: {{preset: phantom, training.steps: {steps}, training.checkpoint_every_steps: 5, training.log_every_steps: 1}}
axes: {{projection.dropout: [0.1]}}
reference: {{projection.dropout: 0.1}}
"""
GROUP = "--workers 2 --cpus-per-worker 1"


def _begin(lab: Lab, shared: Path, name: str, steps: int) -> Running:
    return Running(lab["client"], shared, name, text=SWEEP.format(name=name, steps=steps), options=GROUP)


def _workers(lab: Lab) -> list[str]:
    """Return the hosts on which workers of a group run."""
    return [
        name
        for name in ("head", "first", "second")
        if "RayTrainWorker" in lab[name].run("ps -eo args --no-headers").stdout
    ]


def test_two_hosts_give_the_result_of_one(lab: Lab, shared: Path) -> None:
    sweep = _begin(lab, shared, "two-hosts", steps=12)
    found = sweep.until(lambda: len(at := _workers(lab)) == 2 and any(sweep.own.values()) and at)
    print("workers on", found)
    code, _ = sweep.end()
    assert code == 0
    local = lab["client"].run(f"simcvd sweep two-hosts.yaml --out alone {GROUP}", timeout_s=300, check=False)
    assert local.returncode == 0, local.stdout + local.stderr
    (trial,) = sweep.own
    lab["client"].run(f"cp alone/results/cases/{trial}.parquet {hosts.SHARED}/one-host.parquet")
    both = [
        pd.read_parquet(path)
        for path in (shared / "runs/results/cases" / f"{trial}.parquet", shared / "one-host.parquet")
    ]
    worst = (both[0]["dice"] - both[1]["dice"]).abs().max()
    print("worst difference in Dice:", worst)
    pd.testing.assert_frame_equal(*both)


@pytest.mark.slow
def test_a_group_that_loses_a_host_goes_on_with_another(lab: Lab, shared: Path) -> None:
    sweep = _begin(lab, shared, "elastic", steps=60)
    sweep.until(lambda: any(steps and steps[-1] > 8 for steps in sweep.own.values()))
    at = _workers(lab)
    assert len(at) == 2
    (trial,) = sweep.own
    lost = next(name for name in at if name != "head")
    spare = next(name for name in ("head", "first", "second") if name not in at)
    lab[lost].cut()
    began = time.monotonic()
    try:
        sweep.until(lambda: spare in _workers(lab))
        print(f"{lost} was cut off; {spare} took over after {time.monotonic() - began:.0f} s")
        code, _ = sweep.end()
    finally:
        lab[lost].mend()
    assert code == 0
    assert sweep.own[trial] == [*range(1, 61), 60]
