"""The notice of a spot instance's end, on hosts with their own addresses."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.cluster import hosts
from tests.cluster.background import until
from tests.cluster.conftest import CLUSTER
from tests.cluster.sweeping import Running, whole

pytestmark = pytest.mark.timeout(1200)
Lab = dict[str, hosts.Host]
# No checkpoint is due before the trial's end: the one that it goes on from was written for the notice.
AT_THE_END = 60

_METADATA = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
class Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.answer("a-token" if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else None)
    def do_GET(self):
        asked = self.path == "/latest/meta-data/spot/instance-action"
        action = Path("action.json")
        known = self.headers.get("X-aws-ec2-metadata-token") == "a-token"
        self.answer(action.read_text() if asked and known and action.exists() else None)
    def answer(self, text):
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", 1338), Handler).serve_forever()
"""


@pytest.fixture(scope="module", autouse=True)
def _down_at_the_end(lab: Lab) -> Iterator[None]:
    yield
    lab["client"].run("simcvd cluster down cluster.yaml", timeout_s=120, check=False)


def _lock(sweep: Running, trial: str) -> str:
    return (sweep.trials / trial / "lock").read_text()


def _ends_well(sweep: Running, trial: str, lock: str, step: int) -> None:
    """The trial went on with the steps that it had, elsewhere or on the same host after Ray was started there again."""
    began = time.monotonic()
    sweep.until(lambda: _lock(sweep, trial) not in ("", lock), 180)
    left_at = sweep.own[trial][-1]
    print(f"left at step {left_at}, taken over by {sweep.holder(trial)} after {time.monotonic() - began:.1f} s")
    sweep.until(lambda: sweep.own[trial] and sweep.own[trial][-1] != left_at, 180)
    assert sweep.own[trial][-1] > left_at >= step  # from the start again, it would be 1
    code, told = sweep.end(500)
    assert code == 0
    assert "A node is about to go" in told
    assert "3 of 3 finished" in told
    whole(sweep)


@pytest.mark.slow
def test_a_drained_hosts_trial_writes_a_checkpoint_and_goes_on_elsewhere(running, lab: Lab) -> None:
    sweep = running("drained", 31, checkpoint_every_steps=AT_THE_END)
    trial = sweep.until(lambda: sweep.trial_on("second"), 300)
    step, lock = sweep.own[trial][-1], _lock(sweep, trial)
    done = lab["second"].run("python -m sweeps.cluster.preemption now --within 60", timeout_s=100, check=False)
    print(done.stderr, "at step", step)
    assert done.returncode == 0
    assert "Ray drains the node" in done.stderr
    assert "The time is over" not in done.stderr
    _ends_well(sweep, trial, lock, step)


@pytest.mark.slow
def test_a_notice_from_the_clouds_metadata_does_the_same_and_the_watcher_ends_by_itself(running, lab: Lab) -> None:
    second = lab["second"]
    sweep = running("announced", 32, checkpoint_every_steps=AT_THE_END)
    trial = sweep.until(lambda: sweep.trial_on("second"), 300)
    step, lock = sweep.own[trial][-1], _lock(sweep, trial)
    second.run(f"cat > metadata.py <<'END'\n{_METADATA}\nEND\nsetsid python metadata.py >/dev/null 2>&1 &")
    second.run(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338 "
        "setsid python -m sweeps.cluster.preemption aws >watcher.log 2>&1 </dev/null &"
    )

    def told() -> str:
        return second.run("cat watcher.log").stdout

    until(lambda: "Waiting for a notice from aws" in told(), 30, told=told)
    end = datetime.now(UTC) + timedelta(minutes=2)
    second.run(f"""echo '{{"action": "terminate", "time": "{end:%Y-%m-%dT%H:%M:%SZ}"}}' > action.json""")
    try:
        _ends_well(sweep, trial, lock, step)
    finally:
        print(second.run("cat watcher.log; pkill -f metadata.py", check=False).stdout)
    assert "AWS announces the end of this instance" in second.run("cat watcher.log").stdout
    assert not second.run("pgrep -f sweeps.cluster.preemption", check=False).stdout


@pytest.mark.slow
def test_the_recipes_line_starts_a_watcher_on_each_worker_that_ends_with_the_cluster(
    lab: Lab, simcvd, shared: Path
) -> None:
    recipe = yaml.safe_load((Path(__file__).parents[2] / "docs/clusters/gcp.yaml").read_text())
    cluster = yaml.safe_load(CLUSTER)
    cluster["worker_start_ray_commands"].append(recipe["worker_start_ray_commands"][-1])
    starts = cluster["head_start_ray_commands"]
    starts[-1] = starts[-1].replace("--num-cpus=1", "--num-cpus=0")  # as in the recipe for Kubernetes
    cluster["metadata"]["simcvd"]["runs"] = f"{hosts.SHARED}/watched"
    lab["client"].run(f"cat > watched.yaml <<'END'\n{yaml.safe_dump(cluster)}\nEND")
    lab["client"].run("simcvd cluster down cluster.yaml", timeout_s=120)
    up = simcvd("cluster up watched.yaml")
    assert up.returncode == 0, up.stdout + up.stderr
    workers = [lab["first"], lab["second"]]
    running = "pgrep -f '[s]weeps.cluster.preemption gcp'"
    for worker in workers:
        until(lambda worker=worker: "does not answer" in worker.run("cat preemption.log", check=False).stdout, 90)
        assert worker.run(running, check=False).stdout, worker.run("cat preemption.log").stdout
    assert not lab["head"].run(running, check=False).stdout
    swept = simcvd("sweep dropout --cluster watched.yaml --set training.steps=3", timeout_s=500)
    assert swept.returncode == 0, swept.stdout + swept.stderr
    locks = (shared / "watched" / "trials").glob("*/lock")
    assert {json.loads(lock.read_text())["host"] for lock in locks} == {"first", "second"}
    assert simcvd("cluster down watched.yaml").returncode == 0
    for worker in workers:
        until(lambda worker=worker: not worker.run(running, check=False).stdout, 90)
        assert worker.run("cat preemption.log").stdout.rstrip().endswith("Ray has ended on this machine.")
