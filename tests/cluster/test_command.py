"""The headline command on hosts with their own addresses: a client, a head and two workers."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cluster import hosts

Lab = dict[str, hosts.Host]
SWEEP = "sweep dropout --cluster cluster.yaml"
SHORT = "--set training.steps=20 --set training.checkpoint_every_steps=5"


@pytest.fixture(autouse=True, scope="module")
def _others_of_our_names(lab: Lab) -> Iterator[None]:
    """Where the command is given, and where ssh arrives, lie modules with the names of ours."""
    for host in lab.values():
        host.run("mkdir sweeps")
        for file in ("sweeps/__init__.py", "analysis.py", "simcvd.py", "cli.py"):
            host.run(f"echo 'raise RuntimeError(__file__)' > {file}")
    yield
    for host in lab.values():
        host.run("rm -r sweeps analysis.py simcvd.py cli.py")


@pytest.fixture
def records(shared: Path) -> Callable[[], dict[str, Any]]:
    """Return what reads the log and lock of every trial."""

    def read() -> dict[str, Any]:
        found = {}
        for folder in sorted((shared / "runs" / "trials").iterdir()):
            log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
            found[folder.name] = {"steps": [line["step"] for line in log], **json.loads((folder / "lock").read_text())}
        return found

    return read


def test_the_whole_command_gives_the_table_of_a_local_run(lab: Lab, simcvd, shared, records, tmp_path) -> None:
    done = simcvd(f"{SWEEP} {SHORT}")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    assert "3 of 3 hosts are up" in done.stdout
    assert "7 of 7 finished" in done.stdout
    assert "waiting" in done.stdout
    spread = Counter(trial["host"] for trial in records().values())
    print("trials by host:", dict(spread))
    assert set(spread) == {"head", "first", "second"}

    local = lab["client"].run(f"simcvd sweep dropout --out local {SHORT}", timeout_s=400, check=False)
    assert local.returncode == 0, local.stdout + local.stderr
    for path in ("sweeps/dropout/tables/overview.md", "sweeps/dropout/tables/table.csv"):
        brought, made = (lab["client"].run(f"cat {runs}/{path}").stdout for runs in ("runs", "local"))
        assert brought == made
    lab["client"].run(
        f"cp -r runs local {hosts.SHARED}/compared-$$ 2>/dev/null || mkdir {hosts.SHARED}/compared && "
        f"cp -r runs local {hosts.SHARED}/compared/"
    )
    frames = [
        pd.concat(pd.read_parquet(path) for path in sorted((shared / "compared" / runs / "results/cases").iterdir()))
        for runs in ("runs", "local")
    ]
    pd.testing.assert_frame_equal(*frames)


def test_a_look_ahead_prints_what_the_head_itself_prints_and_runs_nothing(lab: Lab, simcvd, records) -> None:
    before = records()
    again = "--set training.steps=30 --probe-steps 0 --dry-run"
    done = simcvd(f"{SWEEP} {again}")
    assert done.returncode == 0, done.stdout + done.stderr
    there = lab["head"].run(f"COLUMNS=80 simcvd sweep dropout --out {hosts.SHARED}/runs {again}", timeout_s=100)
    assert done.stdout == there.stdout
    assert "7 to run." in done.stdout
    checked = simcvd(f"{SWEEP} {SHORT} --preflight")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "and 2 other node(s)" in checked.stdout
    assert records() == before


def test_a_method_of_ones_own_trains_on_hosts_that_do_not_have_its_file(lab: Lab, simcvd, shared) -> None:
    file = (Path(__file__).parents[2] / "docs" / "own_method.py").read_text()
    lab["client"].run(f"cat > sharp.py <<'END'\n{file}\nEND")
    lab["client"].run(
        "cat > own.yaml <<'END'\nname: own\nbase: {preset: phantom}\nplugins: [sharp.py]\n"
        "axes: {sharp_teacher.temperature: [0.3, 0.4, 0.5]}\nreference: {sharp_teacher.temperature: 0.5}\nEND"
    )
    done = simcvd(f"sweep own.yaml --cluster cluster.yaml --set method=sharp_teacher {SHORT}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 finished" in done.stdout
    trials = [path for path in (shared / "runs" / "trials").iterdir() if path.name.startswith("sharp_teacher-")]
    assert {json.loads((trial / "lock").read_text())["host"] for trial in trials} == {"head", "first", "second"}
    assert [(trial / "plugins" / "sharp.py").read_text() for trial in trials] == [f"{file}\n"] * 3


def test_the_same_command_again_runs_nothing(simcvd, records) -> None:
    before = records()
    done = simcvd(f"{SWEEP} {SHORT}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 of 7 finished" in done.stdout or "dropout: Dice" in done.stdout
    assert records() == before
