"""Hosts that share no folder: the runs folder is in an S3 server on the head, the client has no key to it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster import hosts
from tests.cluster.background import Background, until
from tests.cluster.conftest import ADDRESSES, CLUSTER

Lab = dict[str, hosts.Host]
PORT = 5000
URL = "s3://bucket/runs"
KEYS = {
    "AWS_ENDPOINT_URL": f"http://{ADDRESSES['head']}:{PORT}",
    "AWS_ACCESS_KEY_ID": "an-id",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key",
    "AWS_REGION": "us-east-1",
}
CACHE = f"{hosts.HOME}/cache"
PATIENCE_S = 550
WORKING = ("head", "first", "second")
SWEEP = """
name: {name}
base: {{preset: phantom, training.steps: {steps}, training.checkpoint_every_steps: 5, training.log_every_steps: 1}}
axes: {{projection.dropout: [0.0, 0.1, 0.5]}}
reference: {{projection.dropout: 0.1}}
"""
READ = """
import json
from sweeps.storage.store import Store
store = Store("{url}")
trials = {{}}
for name in sorted(store.entries("trials")):
    trial = trials.setdefault(name.split("/")[1], {{"steps": [], "hosts": []}})
    if name.endswith("/log.jsonl"):
        trial["steps"] = [json.loads(line)["step"] for line in store.read(name).splitlines()]
    if "/lease/" in name and not name.endswith(".over"):
        trial["hosts"].append(json.loads(store.read(name))["host"])
live = {{}}
for name in sorted(store.entries("live/trials")):
    content = json.loads(store.read(name))
    steps = [json.loads(line)["step"] for line in content.get("log", "").splitlines()[-1:]]
    live[name.split("/")[2]] = [content["host"], steps[-1] if steps else 0]
names = [name for folder in ("trials", "results", "sweeps", "datasets", "live") for name in store.entries(folder)]
secrets = [name for name in names if b"a-secret-key" in (store.read(name) or b"")]
print(json.dumps({{"trials": trials, "live": live, "names": names, "secrets": secrets}}))
"""


@pytest.fixture(scope="module", autouse=True)
def _no_shared_folder(lab: Lab) -> Iterator[None]:
    """Take the common folder away, and start the server."""
    exports = "\n".join(f"export {key}={value}" for key, value in KEYS.items())
    for host in lab.values():
        host.run(f"mount -t tmpfs none {hosts.SHARED}")
    for name in WORKING:
        lab[name].run(f"cp .bashrc .bashrc-before; cat >> .bashrc <<'END'\n{exports}\nEND")
    place = f"{{runs: {URL}, cache: {CACHE}}}"
    changed = CLUSTER.replace(f"{{runs: {hosts.SHARED}/runs}}", place)
    assert place in changed
    lab["client"].run(f"cat > store.yaml <<'END'\n{changed}\nEND")
    lab["client"].run("simcvd cluster down cluster.yaml", timeout_s=120, check=False)
    command = ["python", "-m", "moto.server", "-H", ADDRESSES["head"], "-p", str(PORT)]
    server = subprocess.Popen(
        lab["head"].command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        made = f"import urllib.request as u; u.urlopen(u.Request('{KEYS['AWS_ENDPOINT_URL']}/bucket', method='PUT'))"
        until(lambda: lab["head"].run(f'python -c "{made}"', check=False).returncode == 0, 60)
        yield
    finally:
        lab["client"].run("simcvd cluster down store.yaml", timeout_s=120, check=False)
        server.kill()
        server.wait()
        for name in WORKING:
            lab[name].run("mv .bashrc-before .bashrc")
        for host in lab.values():
            host.run(f"umount {hosts.SHARED}")


@pytest.fixture
def store(lab: Lab) -> Callable[[], dict[str, Any]]:
    """Return what reads the store, from the head."""
    keys = " ".join(f"{key}={value}" for key, value in KEYS.items())

    def read() -> dict[str, Any]:
        told = lab["head"].run(f"{keys} python -c '{READ.format(url=URL)}'")
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    return read


@pytest.mark.slow
def test_hosts_that_share_no_folder_give_the_table_of_one_machine(lab: Lab, simcvd, store) -> None:
    lab["client"].run(f"cat > few.yaml <<'END'\n{SWEEP.format(name='few', steps=10)}\nEND")
    began = time.monotonic()
    done = simcvd("sweep few.yaml --cluster store.yaml", timeout_s=PATIENCE_S)
    print(done.stdout, f"{time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 finished" in done.stdout
    found = store()
    assert {host for trial in found["trials"].values() for host in trial["hosts"]} == set(WORKING)
    assert found["live"] == {}
    assert found["secrets"] == []
    assert not [name for name in found["names"] if "/checkpoint/" in name or "preflight" in name]
    for name in WORKING:
        assert lab[name].run(f"ls {CACHE}/datasets/*/dataset.json").stdout.count("\n") == 1
    local = lab["client"].run("simcvd sweep few.yaml --out local", timeout_s=PATIENCE_S, check=False)
    assert local.returncode == 0, local.stdout + local.stderr
    brought, made = (lab["client"].run(f"cat {runs}/sweeps/few/tables/table.csv").stdout for runs in ("runs", "local"))
    assert brought == made
    assert "dropout=0.5" in brought
    assert "live.json" not in lab["client"].run("ls runs/sweeps/few").stdout


@pytest.mark.slow
def test_the_trial_of_a_host_that_is_cut_off_goes_on_elsewhere(lab: Lab, store) -> None:
    lab["client"].run(f"cat > cut.yaml <<'END'\n{SWEEP.format(name='cut', steps=60)}\nEND")
    options = ("--cluster", "store.yaml", "--out", "runs-cut")
    sweep = Background(lab["client"], "simcvd", "sweep", "cut.yaml", *options)

    def trial_on_second() -> str | None:
        live = store()["live"]
        return next((name for name, (host, step) in live.items() if host == "second" and 10 <= step < 45), None)

    trial = sweep.until(trial_on_second, PATIENCE_S, every_s=0)
    lab["second"].cut()
    try:
        began = time.monotonic()
        taken_by = until(
            lambda: (at := store()["trials"][trial]["hosts"][-1]) != "second" and at, PATIENCE_S, every_s=1
        )
        print(f"taken over by {taken_by} after {time.monotonic() - began:.0f} s")
        code, told = sweep.end(PATIENCE_S)
    finally:
        lab["second"].mend()
        sweep.finish()
    assert code == 0
    assert "3 of 3 finished" in told
    trials = store()["trials"]
    assert trials[trial]["steps"] == [*range(1, 61), 60]
