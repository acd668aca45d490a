import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.runs.records import write_trial
from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.remote.transfer import bring_dataset, fetch_results, runs_on_head, sweeps_there
from sweeps.storage.data_cache import CACHE

Install = Callable[[str], None]


@pytest.fixture
def head(cluster: ClusterFile) -> Host:
    return Host(cluster, "10.0.0.1")


@pytest.fixture
def rsync(fake_program: Callable[[str, str], None], tmp_path: Path) -> Callable[[], list[str]]:
    """An `rsync` that copies nothing; return the calls of it, each with the rules that it was given."""
    log = tmp_path / "rsync.log"
    fake_program(
        "rsync",
        f"""echo "$@" >> {log}
for each; do case "$each" in merge*) cat "${{each#merge }}" >> {log};; esac; done""",
    )
    return lambda: log.read_text().splitlines()


def test_the_head_has_an_image_of_a_store_in_its_cache_and_of_a_folder_the_folder() -> None:
    class Head:
        def run(self, command):
            return SimpleNamespace(stdout="/home/me")

    assert runs_on_head(Head(), "/shared/runs", CACHE) == "/shared/runs"
    in_home = runs_on_head(Head(), "s3://bucket/runs", CACHE)
    on_disk = runs_on_head(Head(), "s3://bucket/runs", Path("/disk"))
    assert in_home.startswith("/home/me/.cache/simcvd/runs/")
    assert on_disk == in_home.replace("/home/me/.cache/simcvd", "/disk")


def test_a_trial_that_is_finished_here_alone_is_not_overwritten(head: Host, rsync, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for trial, status in (("stopped-there", "finished"), ("both", "finished"), ("failed-here", "failed")):
        write_trial(runs, {"trial_id": trial, "config_hash": "h", "method": "simcvd", "seed": 0, "status": status})
    states = {"stopped-there": "interrupted", "both": "finished", "failed-here": "failed", "new": "failed"}
    fetch_results(head, "/r", ("mine",), states, runs)
    brought = [rule for rule in rsync() if rule.startswith("+ /results/trials/") and rule.endswith(".parquet")]
    assert sorted(brought) == [f"+ /results/trials/{name}.parquet" for name in ("both", "failed-here", "new")]


def test_of_the_stages_of_a_tuning_only_those_that_the_head_has_are_there(head: Host, fake_ssh: Install) -> None:
    # ls tells what it finds, and fails for the rest
    fake_ssh('for word; do :; done; case "$word" in *"/r/sweeps/a b"*) echo "/r/sweeps/a b";; esac; exit 2')
    assert sweeps_there(head, "/r", ["a b", "c"]) == ["a b"]
    assert sweeps_there(head, "/r", ["c"]) == []


def test_what_says_that_a_data_set_is_there_is_copied_last_and_once(
    head: Host, rsync, fake_ssh: Install, tmp_path: Path
) -> None:
    fake_ssh('case "$*" in *test*) exit 1;; esac')
    assert bring_dataset(head, tmp_path / "data", "0123456789abcdef0", "/r") == "/r/datasets/0123456789abcdef"
    first, second = rsync()
    assert "--exclude /dataset.json" in first
    assert second.endswith(f"{tmp_path}/data/dataset.json me@10.0.0.1:/r/datasets/0123456789abcdef/")
    fake_ssh("exit 0")
    bring_dataset(head, tmp_path / "data", "0123456789abcdef0", "/r")
    assert len(rsync()) == 2


def test_an_edited_plan_is_brought_to_a_data_set_that_is_there_and_a_removed_one_goes(
    head: Host, rsync, fake_ssh: Install, tmp_path: Path
) -> None:
    calls = tmp_path / "ssh.log"
    fake_ssh(f'echo "$@" >> {calls}')
    data, digest = tmp_path / "data", "0123456789abcdef0"
    data.mkdir()
    (data / "plan.yaml").write_text("training.steps: 7\n")
    bring_dataset(head, data, digest, "/r")
    assert [call.endswith(f"{data}/plan.yaml me@10.0.0.1:/r/datasets/{digest[:16]}/") for call in rsync()] == [True]
    assert "plan.yaml" not in calls.read_text()
    (data / "plan.yaml").unlink()
    bring_dataset(head, data, digest, "/r")
    assert f"rm -f /r/datasets/{digest[:16]}/plan.yaml" in calls.read_text()
    assert len(rsync()) == 1


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo No space left >&2; exit 11", "could not be copied between this machine and 10.0.0.1: No space left"),
        ("echo Host key verification failed. >&2; exit 255", "The host key of 10.0.0.1 is not known here"),
    ],
)
def test_a_copy_that_fails_is_told_by_its_last_words(
    head: Host, fake_program: Callable[[str, str], None], tmp_path: Path, script: str, told: str
) -> None:
    fake_program("rsync", script)
    with pytest.raises(UserError, match=told):
        fetch_results(head, "/r", ("mine",), {}, tmp_path / "runs")


def test_a_host_sends_files_and_no_links_out_devices_pipes_or_programs_of_others(
    head: Host, fake_program: Callable[[str, str], None], tmp_path: Path
) -> None:
    real = shutil.which("rsync")
    if real is None:
        pytest.skip("needs rsync")
    fake_program("rsync", f'exec {real} "$@"')
    fake_program("ssh", 'while [ "$1" != 10.0.0.1 ]; do shift; done; shift; exec "$@"')  # this machine is the host
    there, here, secret = tmp_path / "there", tmp_path / "here", tmp_path / "secret"
    secret.write_text("a key")
    sent = there / "sweeps/mine"
    sent.mkdir(parents=True)
    (sent / "table.csv").write_text("sound")
    (sent / "same.csv").symlink_to("table.csv")
    (sent / "absolute").symlink_to(secret)
    (sent / "up").symlink_to("../../../secret")
    (sent / "folder").symlink_to(tmp_path)
    (sent / "program").write_text("#!/bin/sh")
    (sent / "program").chmod(0o6755)
    os.mkfifo(sent / "pipe")
    with suppress(PermissionError):  # root alone makes devices
        os.mknod(sent / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    fetch_results(head, str(there), ("mine",), {}, here)
    found = here / "sweeps/mine"
    assert sorted(path.name for path in found.iterdir()) == ["lock", "program", "same.csv", "table.csv"]
    assert (found / "same.csv").read_text() == "sound"
    assert stat.S_IMODE((found / "program").stat().st_mode) == 0o755
