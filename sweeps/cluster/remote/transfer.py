"""Files between this machine and the head, by rsync."""

import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from simcvd.errors import UserError
from sweeps.cluster.hosts import Host
from sweeps.status.lock import LIVE_FILE
from sweeps.status.trial import read_result
from sweeps.storage.data_source import PLAN_FILE
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import EPOCH_FILE
from sweeps.storage.shared_folder import sweep_lock
from sweeps.storage.store import Store, url_in

DATASETS: Final = "datasets"
"""Folder in RUNS for data sets that were brought there, each under its digest."""

_FILES_ONLY: Final = ("--safe-links", "--no-devices", "--no-specials", "--chmod=Fug-s")
"""What a host sends is files: no links out of the runs folder, no devices or pipes, no programs that run as another."""


def runs_on_head(head: Host, remote_runs: str, cache: Path) -> str:
    """Return the runs folder as the head has it: shared by the hosts, or the head's image of one in an object store.

    So this machine needs no credentials for the store: what is sent to the head goes on from there.

    Args:
        head: the head.
        remote_runs: runs folder of the hosts, or its URL.
        cache: folder on each host's own disk.
    """
    url = url_in(remote_runs)
    if url is None:
        return remote_runs
    home = head.run('printf %s "$HOME"').stdout.strip()
    own = str(cache)
    if own.startswith("~/"):
        own = f"{home}/{own[2:]}"
    return str(ObjectRuns(Store(url), Path(own)).mirror)


def sweeps_there(head: Host, remote_runs: str, sweeps: Sequence[str]) -> list[str]:
    """Return those of some sweeps that the head has; a tuning has left out stages."""
    folders = {f"{remote_runs}/sweeps/{sweep}": sweep for sweep in sweeps}
    found = head.run(f"ls -d {shlex.join(folders)} 2>/dev/null").stdout.splitlines()
    return [sweep for folder, sweep in folders.items() if folder in found]


def fetch_results(head: Host, remote_runs: str, sweeps: Sequence[str], trials: Mapping[str, str], runs: Path) -> None:
    """Bring what lies in the folders of sweeps, such as tables and a tuned model, and the records of their trials.

    Weights and logs of trials stay.

    Args:
        head: the head.
        remote_runs: runs folder there.
        sweeps: their names.
        trials: states of their trials there, by id. One that is finished here alone stays as it is.
        runs: runs folder here.

    Raises:
        UserError: rsync failed, or one of the sweeps is run on this machine just now.
    """
    kept = {trial for trial, state in trials.items() if state != "finished" and _is_finished(runs, trial)}
    trial_ids = sorted(set(trials) - kept)
    wanted = ["/sweeps/", *(f"/sweeps/{sweep}{inside}" for sweep in sweeps for inside in ("/", "/***")), "/results/"]
    for folder in ("cases", "trials"):
        wanted += [f"/results/{folder}/", *(f"/results/{folder}/{trial}.parquet" for trial in trial_ids)]
    left_there = [f"/sweeps/{sweep}/{name}" for sweep in sweeps for name in ("ray", "lock", LIVE_FILE, EPOCH_FILE)]
    with tempfile.NamedTemporaryFile("w", suffix=".rules") as rules, ExitStack() as held:
        rules.writelines(f"- {name}\n" for name in left_there)
        rules.writelines(f"+ {name}\n" for name in wanted)
        rules.write("- *\n")
        rules.flush()
        for sweep in sweeps:
            (runs / "sweeps" / sweep).mkdir(parents=True, exist_ok=True)
            held.enter_context(sweep_lock(runs / "sweeps" / sweep))
        rule = ["--filter", f"merge {rules.name}"]
        _rsync(head, [*_FILES_ONLY, *rule, f"{_at(head)}:{remote_runs}/", f"{runs}/"])


def bring_dataset(head: Host, dataset: Path, digest: str, remote_runs: str) -> str:
    """Copy a data set to where all hosts see it, once, and return its path there.

    Args:
        head: the head.
        dataset: data set folder here.
        digest: of its `dataset.json`.
        remote_runs: runs folder there.

    Raises:
        UserError: rsync failed.
    """
    target = f"{remote_runs}/{DATASETS}/{digest[:16]}"
    there = head.run(f"test -f {shlex.quote(target)}/dataset.json")
    if there.returncode == 0:
        _bring_plan(head, dataset, target)
        return target
    head.run(f"mkdir -p {shlex.quote(target)}")
    # dataset.json comes last: it says that everything else is there.
    _rsync(head, ["--partial", "--exclude", "/dataset.json", "--exclude", "/.*", f"{dataset}/", _in(head, target)])
    _rsync(head, [str(dataset / "dataset.json"), _in(head, target)])
    return target


def _bring_plan(head: Host, dataset: Path, target: str) -> None:
    """Make the plan there the one that is here now, which may have been edited."""
    if (dataset / PLAN_FILE).is_file():
        _rsync(head, [str(dataset / PLAN_FILE), _in(head, target)])
    else:
        head.run(f"rm -f {shlex.quote(target)}/{PLAN_FILE}")


def _is_finished(runs: Path, trial_id: str) -> bool:
    row = read_result(runs, trial_id)
    return row is not None and row["status"] == "finished"


def _in(head: Host, folder: str) -> str:
    return f"{_at(head)}:{folder}/"


def _at(head: Host) -> str:
    return f"{head.cluster.user}@{head.address}"


def _rsync(head: Host, arguments: Sequence[str]) -> None:
    shell = shlex.join(head.ssh()[:-1])
    try:
        done = subprocess.run(
            ["rsync", "-a", "--protect-args", "-e", shell, *arguments],  # no shell reads the paths
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError("There is no rsync on this machine; install it.") from error
    if done.returncode == 255:
        raise UserError(head.unreachable(done.stderr))
    if done.returncode:
        last = next(reversed([line for line in done.stderr.splitlines() if line.strip()]), "no reason given")
        raise UserError(f"Files could not be copied between this machine and {head.address}: {last}")
