"""The preflight with a node that sees other file systems: a process of this machine with mounts of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps.preflight.checks import Findings, Subject, preflight
from sweeps.resources.placement import place
from sweeps.resources.ray_session import ray_environment
from sweeps.resources.request import ResourceRequest
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from tests.sweeps.crops import without_crops

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

MEMORY = 100 * 2**20
MOUNTS = """
mount -t tmpfs none apart && mount -t tmpfs none data-apart &&
mount --bind readonly readonly && mount -o remount,ro,bind readonly &&
mount --bind data-short-there data-short &&
exec "$PYTHON" -m ray.scripts.scripts start --address=$ADDRESS --num-cpus=1 --object-store-memory=$MEMORY --block
"""


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Iterator[Path]:
    """A folder with data sets and runs folders, some of which the second node of this Ray sees otherwise."""
    folder = tmp_path_factory.mktemp("mounts")
    for name in ("shared", "apart", "readonly"):
        (folder / name).mkdir()
    for name in ("data", "data-apart", "data-short", "data-short-there"):
        shutil.copytree(dataset, folder / name)
    os.truncate(folder / "data-short-there" / "cases" / "case4.h5", 1000)
    with ray_environment():
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        environment = os.environ | {"ADDRESS": cluster.address, "MEMORY": str(MEMORY), "PYTHON": sys.executable}
        node = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", MOUNTS],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            ray.shutdown()  # other tests may have left theirs open
            ray.init(address=cluster.address, log_to_driver=False)
            until = time.monotonic() + 120
            while sum(found["Alive"] for found in ray.nodes()) < 2:
                assert node.poll() is None, "the second node did not start"
                assert time.monotonic() < until, "the second node took too long"
                time.sleep(0.3)
            yield folder
        finally:
            ray.shutdown()
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGTERM)
                node.wait(60)
            cluster.shutdown()


def _check(dataset: Path, runs: Path, **options: Any) -> Findings:
    import ray

    nodes = ray.nodes()
    subject = Subject(InPlace(dataset), SharedFolder(runs), [load_preset("phantom")], **options)
    return preflight(subject, *place(ResourceRequest(), nodes), nodes)


def test_folders_that_both_see_are_accepted(place_of: Path) -> None:
    findings = _check(place_of / "data", place_of / "shared")
    assert findings.lines["storage"].endswith("this machine and 1 other node(s)")
    assert without_crops(findings.notices) == ()


@pytest.mark.parametrize(
    ("data", "runs", "sentence"),
    [
        ("data", "apart", "The runs folder .*/apart is not shared: node .* does not see what this machine writes"),
        ("data", "readonly", r"Node .* can't write to the runs folder .*/readonly \(Read-only file system\)"),
        ("data-apart", "shared", r"Node .* can't read the data set .*/data-apart \(There is no data set in"),
        ("data-short", "shared", "case file of case4 in .*/data-short of node .* has 1,000 bytes, expected"),
    ],
)
def test_what_the_other_node_sees_otherwise_is_told(place_of: Path, data: str, runs: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        _check(place_of / data, place_of / runs)
    assert list((place_of / runs).iterdir()) == []


def test_a_search_does_not_mind_test_cases(place_of: Path) -> None:
    """The case that is short there is a test case."""
    assert "3 case files, 3 read" in _check(place_of / "data-short", place_of / "shared", with_test=False).lines["data"]
