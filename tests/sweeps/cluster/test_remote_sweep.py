from pathlib import Path

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.sweep import RemoteSweep, sweep_on_cluster
from sweeps.cluster.transfer import runs_on_head
from sweeps.objects.place import CACHE


def _wanted(own: dict[str, str], *options: str) -> RemoteSweep:
    content = {"metadata": {"simcvd": own}, "provider": {"type": "local"}}
    return RemoteSweep(ClusterFile(Path("c.yaml"), "lab", "local", content), "mine", None, None, options, Path("runs"))


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
