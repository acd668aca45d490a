"""What goes wrong while a sweep runs on hosts: nothing is lost, and nothing runs twice."""

import json
import time
from collections.abc import Callable

import pytest

from tests.cluster import hosts
from tests.cluster.sweeping import Running, whole

Lab = dict[str, hosts.Host]


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
    whole(sweep)


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
    whole(sweep)


def _goes_on_without(sweep: Running, host: hosts.Host, lose: Callable[[], None], mend: Callable[[], None]) -> None:
    """Another host takes over the trial of the one that is lost, and the sweep is over before that one is back."""
    trial = sweep.until(lambda: sweep.trial_on(host.name))
    lose()
    try:
        began = time.monotonic()
        sweep.until(lambda: sweep.holder(trial) != host.name)
        print(f"taken over by {sweep.holder(trial)} after {time.monotonic() - began:.0f} s")
        code, _ = sweep.end()
    finally:
        mend()
    assert code == 0


def test_the_trial_of_a_host_that_is_cut_off_goes_on_elsewhere(running, lab: Lab) -> None:
    steps = 160  # the host that is cut off goes on for half a minute; it must not come to the end
    sweep = running("cut", 13, steps)
    _goes_on_without(sweep, lab["second"], lab["second"].cut, lab["second"].mend)
    whole(sweep, steps)


@pytest.mark.slow
def test_the_trials_of_a_host_that_is_killed_go_on_elsewhere(running, lab: Lab) -> None:
    sweep = running("killed", 14)
    _goes_on_without(sweep, lab["first"], lab["first"].kill, lab["first"].boot)
    whole(sweep)


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
    whole(sweep)
    for trial, step in before.items():
        resumed = json.loads((sweep.trials / trial / "environment.json").read_text())
        print(trial, "was at", step, resumed.get("resumed_from"))
