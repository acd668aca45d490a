"""`simcvd tune --cluster`: a tuning on three hosts, whose model and verdict come to the machine of the command."""

import json
from pathlib import Path

from tests.cluster import hosts

TUNE = (
    "tune small --cluster cluster.yaml --preset phantom --set training.steps=10 --set network.width=4 --folds 0 "
    "--trials 2 --seeds 1"
)
MAKE = (
    "from pathlib import Path; from simcvd.data.phantom import write_phantom; "
    "write_phantom(Path('small'), labeled=4, unlabeled=4, val=2, test=3)"
)


def _answer(told: str) -> list[str]:
    """Return what a tuning came to: the lines after the last empty one."""
    return told.rstrip("\n").rpartition("\n\n")[2].splitlines()


def test_a_tuning_on_hosts_leaves_its_model_and_verdict_here(lab: dict[str, hosts.Host], simcvd, shared: Path) -> None:
    client = lab["client"]
    client.run(f'python -c "{MAKE}"')
    ahead = simcvd(f"{TUNE} --dry-run")
    assert ahead.returncode == 0, ahead.stdout + ahead.stderr
    assert "Schedule: trainings of 10 steps" in ahead.stdout
    assert not (shared / "runs" / "sweeps").exists() or not list((shared / "runs" / "sweeps").glob("tune-*"))

    earlier = {path.name for path in (shared / "runs").glob("trials/*")}
    done = simcvd(f"{TUNE} --out tuned", timeout_s=500)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = _answer(done.stdout)
    assert "The model is in tuned/sweeps/tune-phantom/model; its README.md has the commands, such as:" in answer
    trials = [path for path in (shared / "runs" / "trials").iterdir() if path.name not in earlier]
    assert len({json.loads((trial / "lock").read_text())["host"] for trial in trials}) > 1
    scored = client.run("simcvd evaluate tuned/sweeps/tune-phantom/model small", timeout_s=100)
    assert "mean of 3" in scored.stdout
    client.run("test -s tuned/sweeps/tune-phantom/tune.md")
    client.run("test -s tuned/sweeps/tune-phantom-confirm/tables/table.csv")

    before = {path: path.stat().st_mtime_ns for path in (shared / "runs" / "trials").rglob("*") if path.is_file()}
    again = simcvd(f"{TUNE} --out elsewhere", timeout_s=300)
    assert again.returncode == 0, again.stdout + again.stderr
    after = {path: path.stat().st_mtime_ns for path in (shared / "runs" / "trials").rglob("*") if path.is_file()}
    assert after == before
    assert [line.replace("elsewhere/", "tuned/") for line in _answer(again.stdout)] == answer
    there, here = (
        client.run(f"cd {runs} && find results sweeps -type f | sort").stdout for runs in ("elsewhere", "tuned")
    )
    assert there == here
