"""What the nodes' reports mean: one sentence for the first thing that would end trials. No Ray, no files."""

from collections.abc import Collection, Mapping
from pathlib import Path

from simcvd.errors import UserError
from sweeps.preflight.node import NodeReport
from sweeps.resources.versions import differences

HERE = "this machine"
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
            raise UserError(f"{_start(name)} has {there}, but {HERE} has {here}; install the same on every node.")


def judge_storage(runs: Path, reports: Reports, unanswered: Collection[str] = ()) -> list[str]:
    """Refuse a runs folder that some node does not share, can't write or can't lock; return notices.

    Args:
        runs: the runs folder.
        reports: what the nodes found.
        unanswered: names of nodes whose file was not seen from this machine.

    Raises:
        UserError: with the node.
    """
    for name, report in reports.items():
        found = report.storage
        if not found.sees_command:
            raise UserError(
                f"The runs folder {runs} is not shared: {name} does not see what {HERE} writes there; "
                "use storage that all nodes have at this path."
            )
        if found.write_error:
            raise UserError(
                f"{_start(name)} can't write to the runs folder {runs} ({found.write_error}); make it writable there."
            )
        if name in unanswered:
            raise UserError(
                f"The runs folder {runs} is not shared: {HERE} does not see what {name} writes there; "
                "use storage that all nodes have at this path."
            )
        if found.lock_error:
            raise UserError(
                f"Files in the runs folder {runs} can't be locked on {name} ({found.lock_error}); "
                "mount it with file locks, or choose another --out."
            )
    apart = [name for name, report in reports.items() if not report.storage.locked_out]
    if not apart:
        return []
    return [
        f"File locks in {runs} do not reach {', '.join(apart)}, so two commands could run one trial; "
        "start one command at a time on this runs folder."
    ]


def judge_store(url: str, reports: Reports, unanswered: Collection[str] = ()) -> None:
    """Refuse an object store that some node can't use, or that does not do what leases rest on.

    Args:
        url: the store.
        reports: what the nodes found.
        unanswered: names of nodes whose object was not seen from this machine.

    Raises:
        UserError: with the node.
    """
    for name, report in reports.items():
        found = report.storage
        if found.write_error:
            raise UserError(f"{_start(name)} can't use the runs folder: {found.write_error}.")
        if not found.sees_command or name in unanswered:
            raise UserError(
                f"{_start(name)} reaches another {url} than {HERE}; see that AWS_ENDPOINT_URL is the same there."
            )
        if not found.locked_out:
            raise UserError(
                f"The store of {url} writes an object that was to be created although it is there (If-None-Match), so "
                "two commands could run one trial; use a store that knows conditional writes, or a shared folder."
            )


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
            raise UserError(f"{_start(name)} can't read the data set {dataset} ({data.error}); {advice}.")
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


def _start(name: str) -> str:
    return name[0].upper() + name[1:]


def _some(ids: Collection[str]) -> str:
    shown = list(ids)[:3]
    return ", ".join(shown) + (", ..." if len(ids) > len(shown) else "")
