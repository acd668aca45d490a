"""What the nodes' reports mean: one sentence for the first thing that would end trials. No Ray, no files."""

from collections.abc import Collection, Mapping
from pathlib import Path

from simcvd.errors import UserError
from sweeps.preflight.node import NodeReport
from sweeps.resources.versions import differences
from sweeps.storage.exchange import HERE, capital

Reports = Mapping[str, NodeReport]
"""By the node's name; `HERE` is among them."""


def judge_versions(reports: Reports) -> None:
    """Refuse nodes whose packages differ from those of this machine.

    Raises:
        UserError: with node, package and both versions.
    """
    expected = reports[HERE].versions
    for name, report in reports.items():
        if differing := differences(report.versions, expected):
            there, here = differing
            raise UserError(f"{capital(name)} has {there}, but {HERE} has {here}; install the same on every node.")


def judge_data(dataset: Path, digest: str, expected_bytes: Mapping[str, int], reports: Reports) -> None:
    """Refuse a data set that some node lacks, or has otherwise than planned.

    Args:
        dataset: the data set folder.
        digest: `DatasetInfo.digest` that the trials were planned with.
        expected_bytes: of each case file that trials open.
        reports: what the nodes found.

    Raises:
        UserError: with the node and the case.
    """
    for name, report in reports.items():
        data = report.data
        advice = "prepare it anew" if name == HERE else f"copy it from {HERE}, or use storage that all nodes have"
        if data.error:
            raise UserError(f"{capital(name)} can't read the data set {dataset} ({data.error}); {advice}.")
        if data.digest != digest:
            raise UserError(
                f"The data set {dataset} of {name} has digest {str(data.digest)[:12]}, but the trials were planned "
                f"with {digest[:12]}; {advice}."
            )
        if data.missing:
            count = f"{len(data.missing)} of {len(expected_bytes)} case files"
            raise UserError(f"The data set {dataset} of {name} lacks {count} ({_some(data.missing)}); {advice}.")
        if data.sizes:
            case_id, size = next(iter(data.sizes.items()))
            raise UserError(
                f"The case file of {case_id} in {dataset} of {name} has {size:,} bytes, expected "
                f"{expected_bytes[case_id]:,}; {advice}."
            )
        if data.damaged:
            case_id, reason = data.damaged
            raise UserError(f"The case {case_id} in {dataset} of {name} is damaged ({reason}); {advice}.")


def _some(ids: Collection[str]) -> str:
    shown = list(ids)[:3]
    return ", ".join(shown) + (", ..." if len(ids) > len(shown) else "")
