import re
from pathlib import Path

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.cluster import transfer
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.hosts import Host
from sweeps.cluster.sweep import RemoteSweep, sweep_on_cluster
from sweeps.cluster.transfer import runs_on_head
from sweeps.search.study import holds_password, shown_storage
from sweeps.storage.object_runs import CACHE


def _wanted(own: dict[str, str], *options: str, searches: bool = False, runs: str = "runs") -> RemoteSweep:
    content = {"metadata": {"simcvd": own}, "provider": {"type": "local"}}
    cluster = ClusterFile(Path("c.yaml"), "lab", "local", content)
    return RemoteSweep(cluster, "mine", searches, None, None, options, Path(runs))


@pytest.mark.parametrize(
    ("own", "options", "cache"),
    [
        ({"runs": "/r"}, (), None),
        ({"runs": "/r", "cache": "/disk"}, (), "/disk"),
        ({"runs": "/r", "cache": "/disk"}, ("--seeds=3", "--cache=/other"), "/other"),
    ],
)
def test_the_cache_is_the_options_else_the_cluster_files(own, options, cache) -> None:
    assert _wanted(own, *options).cache == cache


def test_the_head_has_an_image_of_a_store_in_its_cache_and_of_a_folder_the_folder() -> None:
    class Head:
        def run(self, command):
            from types import SimpleNamespace

            return SimpleNamespace(stdout="/home/me")

    assert runs_on_head(Head(), "/shared/runs", CACHE) == "/shared/runs"
    in_home = runs_on_head(Head(), "s3://bucket/runs", CACHE)
    on_disk = runs_on_head(Head(), "s3://bucket/runs", Path("/disk"))
    assert in_home.startswith("/home/me/.cache/simcvd/runs/")
    assert on_disk == in_home.replace("/home/me/.cache/simcvd", "/disk")


def test_a_password_is_not_sent_as_an_argument_of_a_job() -> None:
    with pytest.raises(UserError, match=r"--storage would be shown .* ~/\.pgpass") as refused:
        sweep_on_cluster(_wanted({"runs": "/r"}, "--storage=postgresql://me:s3cret@db/x"), Console())
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("postgresql://me:s3cret@db/x", True),
        ("postgresql://me:s3/cret@db/x", True),
        ("postgresql://db/x?user=me&password=s3cret", True),
        ("postgresql://me@db:5432/x", False),
        ("sqlite:///study.db", False),
        ("no url", False),
    ],
)
def test_a_password_is_found_wherever_a_url_may_hold_it(url, held) -> None:
    assert holds_password(url) is held
    if held:
        assert "s3" not in shown_storage(url).replace("***", "")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (_wanted({"runs": "/r"}, "--cache=here"), "--cache is 'here', expected an absolute path"),
        (_wanted({"runs": "/r"}, runs="s3://bucket/lab"), "needs a folder, but got s3://bucket/lab"),
        (_wanted({"runs": "s3://bucket/lab"}, searches=True), "A search needs a runs folder that all hosts share"),
    ],
)
def test_what_the_head_would_refuse_is_refused_before_any_host_is_asked(wanted, told) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        sweep_on_cluster(wanted, Console())


def test_a_search_knows_no_cache_of_the_cluster_file() -> None:
    assert _wanted({"runs": "/r", "cache": "/disk"}, searches=True).cache is None


def test_a_trial_that_is_finished_here_alone_is_not_overwritten(tmp_path, monkeypatch) -> None:
    rules = []

    def rsync(head, arguments):
        merged = next(argument for argument in arguments if argument.startswith("merge "))
        rules.extend(Path(merged.removeprefix("merge ")).read_text().splitlines())

    monkeypatch.setattr(transfer, "_rsync", rsync)
    monkeypatch.setattr(transfer, "read_result", lambda runs, trial: {"status": "finished"} if trial != "new" else None)
    head = Host(_wanted({}).cluster, "h")
    states = {"stopped-there": "interrupted", "both": "finished", "new": "failed"}
    transfer.fetch_results(head, "/r", "mine", states, tmp_path / "runs")
    brought = [rule for rule in rules if rule.startswith("+ /results/trials/") and rule.endswith(".parquet")]
    assert sorted(brought) == ["+ /results/trials/both.parquet", "+ /results/trials/new.parquet"]
