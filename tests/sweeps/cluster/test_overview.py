from contextlib import nullcontext

import pytest

from simcvd.errors import UserError
from sweeps.cluster import overview
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.job import RemoteJob
from sweeps.cluster.overview import Overview, look, stop_sweep, stop_sweeps


class Jobs:
    """The jobs of a cluster whose sweeps end when they are asked to."""

    def __init__(self) -> None:
        self.there = {"/shared/runs/sweeps/one": RemoteJob("1", True), "/shared/runs/sweeps/two": RemoteJob("2", True)}

    def running(self) -> list[str]:
        return [key for key, job in self.there.items() if job.running]

    def find(self, key: str) -> RemoteJob:
        return self.there[key]

    def look(self, job: RemoteJob) -> RemoteJob:
        return next(each for each in self.there.values() if each.id == job.id)

    def stop(self, job: RemoteJob) -> None:
        self.there = {key: RemoteJob(job.id, False) if each == job else each for key, each in self.there.items()}

    def nodes(self) -> list[dict]:
        worker = {"node_ip": "10.0.0.2", "node_name": "second", "resources_total": {"CPU": 8.0, "GPU": 2.0}}
        head = {"node_ip": "10.0.0.1", "node_name": "first", "is_head_node": True}
        return [worker, head | {"resources_total": {"CPU": 4.0, "memory": 16e9}}]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, cluster: ClusterFile) -> Jobs:
    there = Jobs()
    cluster.content["metadata"] = {"simcvd": {"runs": "/shared/runs/"}}
    monkeypatch.setattr(overview, "connected", lambda cluster: nullcontext((None, None)))
    monkeypatch.setattr(overview, "Jobs", lambda tunnel: there)
    return there


def test_a_cluster_is_shown_with_its_head_first(jobs: Jobs, cluster: ClusterFile) -> None:
    found = look(cluster)
    assert found.rows() == [
        ["address", "host", "role", "CPU", "GPU", "memory"],
        ["10.0.0.1", "first", "head", "4", "0", "16 GB"],
        ["10.0.0.2", "second", "worker", "8", "2", "0 GB"],
    ]
    assert found.sentences() == ["lab: 2 of 3 hosts are up, runs one, two."]
    assert found.to_dict()["nodes"][1]["gpus"] == 2.0


def test_a_cluster_that_is_down_has_no_nodes(cluster: ClusterFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "connected", lambda cluster: nullcontext(None))
    assert look(cluster) == Overview("lab", (), 3, ())
    assert look(cluster).sentences() == ["lab: 0 of 3 hosts are up, no sweep runs."]
    assert stop_sweeps(cluster) == []


def test_one_sweep_is_stopped_or_all(jobs: Jobs, cluster: ClusterFile) -> None:
    stop_sweep(cluster, "two")
    assert jobs.running() == ["/shared/runs/sweeps/one"]
    with pytest.raises(UserError, match="The sweep two does not run on lab"):
        stop_sweep(cluster, "two")
    assert stop_sweeps(cluster) == ["one"]
    assert jobs.running() == []
