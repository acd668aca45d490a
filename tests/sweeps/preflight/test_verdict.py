"""What nodes report is judged without nodes: each obstacle is one sentence that names the node."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.preflight.node import DataReport, NodeReport
from sweeps.preflight.verdict import judge_data, judge_versions
from sweeps.storage.exchange import HERE, FolderExchange, StorageReport

NODE = "node gpu02 (192.0.2.12)"
RUNS, DATASET = Path("/shared/runs"), Path("/shared/la")
SIZES = {"case0": 2000, "case1": 2000}
VERSIONS = {"python": "3.11", "torch": "2.13.0", "simcvd": "0.1.0", "simcvd's source files": "0123abcd"}


def _report(
    changed: dict[str, str] | None = None,
    storage: StorageReport | None = None,
    data: DataReport | None = None,
) -> NodeReport:
    data = data or DataReport(digest="aa", compared=2)
    return NodeReport(VERSIONS | (changed or {}), None, storage or StorageReport(), data)


def _judge_storage(reports: dict[str, NodeReport], unanswered: Sequence[str] = ()) -> list[str]:
    exchange = FolderExchange(RUNS, RUNS / ".preflight", "a token")
    return exchange.judge({name: report.storage for name, report in reports.items()}, unanswered)


def test_nodes_that_agree_are_accepted() -> None:
    reports = {HERE: _report(), NODE: _report()}
    judge_versions(reports)
    assert _judge_storage(reports) == []
    judge_data(DATASET, "aa", SIZES, reports)


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            _report({"torch": "2.12.0", "python": "3.12"}),
            "Node gpu02 (192.0.2.12) has python 3.12, torch 2.12.0, but this machine has python 3.11, torch 2.13.0; "
            "install the same on every node.",
        ),
        (
            _report({"simcvd's source files": "89ab4567"}),
            "Node gpu02 (192.0.2.12) has simcvd's source files 89ab4567, but this machine has simcvd's source files "
            "0123abcd; install the same on every node.",
        ),
        (
            _report(storage=StorageReport(sees_command=False)),
            "The runs folder /shared/runs is not shared: node gpu02 (192.0.2.12) does not see what this machine writes "
            "there; use storage that all nodes have at this path.",
        ),
        (
            _report(storage=StorageReport(write_error="Read-only file system")),
            "Node gpu02 (192.0.2.12) can't write to the runs folder /shared/runs (Read-only file system); make it "
            "writable there.",
        ),
        (
            _report(storage=StorageReport(lock_error="No locks available")),
            "Files in the runs folder /shared/runs can't be locked on node gpu02 (192.0.2.12) (No locks available); "
            "mount it with file locks, or choose another --out.",
        ),
        (
            _report(data=DataReport(error="There is no data set in /shared/la")),
            "Node gpu02 (192.0.2.12) can't read the data set /shared/la (There is no data set in /shared/la); copy it "
            "from this machine, or use storage that all nodes have.",
        ),
        (
            _report(data=DataReport(digest="bb")),
            "The data set /shared/la of node gpu02 (192.0.2.12) has digest bb, but the trials were planned with aa; "
            "copy it from this machine, or use storage that all nodes have.",
        ),
        (
            _report(data=DataReport(digest="aa", missing=("case1",))),
            "The data set /shared/la of node gpu02 (192.0.2.12) lacks 1 of 2 case files (case1); copy it from this "
            "machine, or use storage that all nodes have.",
        ),
        (
            _report(data=DataReport(digest="aa", sizes={"case1": 1500})),
            "The case file of case1 in /shared/la of node gpu02 (192.0.2.12) has 1,500 bytes, expected 2,000; copy it "
            "from this machine, or use storage that all nodes have.",
        ),
        (
            _report(data=DataReport(digest="aa", damaged=("case1", "its digest is not the one in dataset.json"))),
            "The case case1 in /shared/la of node gpu02 (192.0.2.12) is damaged (its digest is not the one in "
            "dataset.json); copy it from this machine, or use storage that all nodes have.",
        ),
    ],
)
def test_what_a_node_lacks_is_one_sentence(report: NodeReport, sentence: str) -> None:
    reports = {HERE: _report(), NODE: report}
    judges: list[Callable[[], object]] = [
        lambda: judge_versions(reports),
        lambda: _judge_storage(reports),
        lambda: judge_data(DATASET, "aa", SIZES, reports),
    ]
    said = []
    for judge in judges:
        try:
            judge()
        except UserError as error:
            said.append(str(error))
    assert said == [sentence]
