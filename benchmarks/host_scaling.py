"""Trials that sleep instead of computing, on one, two and three hosts: how the engine scales by itself.

The hosts are network namespaces of this machine, so that its cores do not decide: each host offers a few CPUs that
exist on paper only, and a trial sleeps. Needs root, and Debian's openssh-server, openssh-client, rsync and iproute2.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

SLOTS = 4
"""CPUs of each host."""

PORT = 6379
NAMES = ("head", "first", "second")


def sleeping_engine(sleep_s: float, cases: int) -> Any:
    """Return an engine that sleeps and scores at random."""
    from engine import make_engine

    from sweeps.trial.engine import Engine

    quick = make_engine(cases)

    def train(config: Any, dataset: Path, trial_dir: Path, **others: Any) -> Any:
        time.sleep(sleep_s)
        return quick.train(config, dataset, trial_dir, **others)

    return Engine(train, quick.evaluate)


def run(address: str, place: Path, per_slot: int, sleep_s: float, cases: int) -> dict[str, float]:
    """Run `per_slot` sleeping trials for each slot of the Ray at `address`; return seconds."""
    import ray
    from engine import make_dataset
    from rich.console import Console

    from sweeps.definition.catalogue import SweepFile
    from sweeps.request import SweepRequest
    from sweeps.resources.request import ResourceRequest
    from sweeps.runner import run_sweep

    search = {"PYTHONPATH": ":".join(sys.path[:2])}
    ray.init(address=address, log_to_driver=False, runtime_env={"env_vars": search})
    slots = int(ray.cluster_resources()["CPU"])
    seeds = list(range(slots))
    values = [round(0.001 * number, 3) for number in range(per_slot)]
    sweep = SweepFile.model_validate(
        {
            "name": "sleep",
            "base": {"training.steps": 5},
            "axes": {"loss.sdm": values},
            "reference": {"loss.sdm": values[0]},
            "seeds": seeds,
        }
    )
    with open("/dev/null", "w") as nowhere:
        begun, used = time.time(), time.process_time()
        outcome = run_sweep(
            SweepRequest(
                sweep,
                make_dataset(place / "dataset"),
                place / "runs",
                resources=ResourceRequest(device="cpu"),
            ),
            console=Console(file=nowhere),
            engine=sleeping_engine(sleep_s, cases),
        )
        whole, used = time.time() - begun, time.process_time() - used
    assert outcome.exit_code == 0, outcome.state.counts
    ended = sorted(path.stat().st_mtime for path in (place / "runs/results/trials").iterdir())
    warm = ended[slots - 1 :]  # the first trial of each slot waits for its process to start
    return {
        "slots": slots,
        "trials": len(ended),
        "seconds": whole,
        "trials_a_second": (len(warm) - 1) / (warm[-1] - warm[0]),
        "command_cpu_seconds_a_trial": used / len(ended),
    }


def measure(hosts: int, per_slot: int, sleep_s: float, cases: int) -> dict[str, float]:
    """Make a lab of `hosts` hosts and run the trials in it."""
    from tests.cluster import hosts as lab

    with tempfile.TemporaryDirectory() as folder, lab.made(Path(folder), NAMES[:hosts]) as made:
        head = made["head"]
        start = f"RAY_USAGE_STATS_ENABLED=0 ray start --num-cpus={SLOTS} --object-store-memory=104857600"
        head.run(f"{start} --head --port={PORT} --dashboard-host=127.0.0.1", timeout_s=120)
        for name in NAMES[1:hosts]:
            made[name].run(f"{start} --address={head.address}:{PORT}", timeout_s=120)
        line = f"python {HERE} --inner {head.address}:{PORT} --place {lab.SHARED}/sleep"
        given = f"--trials-a-slot {per_slot} --sleep {sleep_s} --cases {cases}"
        done = head.run(f"{line} {given}", timeout_s=1200, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return {"hosts": hosts, **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--hosts", default="1,2,3", help="counts, separated by commas, at most 3")
    given.add_argument("--trials-a-slot", type=int, default=10)
    given.add_argument("--sleep", type=float, default=5.0, help="seconds a trial")
    given.add_argument("--cases", type=int, default=80, help="test cases of each trial")
    given.add_argument("--inner", help=argparse.SUPPRESS)
    given.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    asked = given.parse_args()
    if asked.inner is not None:
        print(json.dumps(run(asked.inner, asked.place, asked.trials_a_slot, asked.sleep, asked.cases)))
        return
    alone = None
    for count in map(int, asked.hosts.split(",")):
        found = measure(count, asked.trials_a_slot, asked.sleep, asked.cases)
        alone = alone or found["trials_a_second"] / found["hosts"]
        ideal = found["slots"] / asked.sleep
        print(
            f"{count} host(s), {found['slots']} slots: {found['trials']} trials in {found['seconds']:.0f} s, warm "
            f"{found['trials_a_second']:.2f} a second ({found['trials_a_second'] / ideal:.0%} of what sleeping allows, "
            f"{found['trials_a_second'] / (alone * count):.0%} of {count} times one host); the command's own CPU time "
            f"{found['command_cpu_seconds_a_trial']:.3f} s a trial",
            flush=True,
        )


if __name__ == "__main__":
    main()
