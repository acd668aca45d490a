"""What a node finds: versions, the runs folder, the data set, its CPU. It gathers facts; `verdict` judges them.

What its GPUs are is asked apart (`gpu`), since it may take longer. This runs on every node that trials can run on, in a
process of its own there, so it imports little.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.resources.versions import versions
from sweeps.storage.exchange import Exchange, StorageReport, reason_of

if TYPE_CHECKING:
    from sweeps.storage.data_source import Source

SAMPLE_S = 2.0
"""Seconds a node reads case files for."""


@dataclass(frozen=True)
class NodeTask:
    """What a node is to look at.

    Attributes:
        exchange: what this command wrote into the runs folder.
        dataset: data set folder.
        sizes: bytes of each case file that trials open, by case id.
        digests: SHA-256 of the cases to read, in the order of reading; as many as there is time for.
        on_cpu: whether trials compute on this node's CPU.
        source: an object store that nodes copy the data set from; none: they read `dataset`.
    """

    exchange: Exchange
    dataset: Path
    sizes: Mapping[str, int]
    digests: Mapping[str, str]
    on_cpu: bool = False
    source: "Source | None" = None


@dataclass(frozen=True)
class DataReport:
    """What a node found in the data set folder.

    Attributes:
        digest: `DatasetInfo.digest`; none where it can't be read.
        error: why not.
        missing: ids of absent case files.
        sizes: bytes of the case files that are there, where they differ from the task's.
        damaged: the first case whose content is not what was prepared, and why.
        compared: how many cases were read.
    """

    digest: str | None = None
    error: str | None = None
    missing: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    damaged: tuple[str, str] | None = None
    compared: int = 0


@dataclass(frozen=True)
class NodeReport:
    """What a node found.

    Attributes:
        versions: of what must be the same on all nodes.
        fast_bfloat16: whether the CPU multiplies bfloat16 in hardware; none where no trial computes on it.
        storage: the runs folder.
        data: the data set.
    """

    versions: Mapping[str, str]
    fast_bfloat16: bool | None
    storage: StorageReport
    data: DataReport


def examine(task: NodeTask, reply: str) -> NodeReport:
    """Look at everything on the node that this runs on.

    Args:
        task: what to look at.
        reply: name of the file that the node writes.
    """
    return NodeReport(
        versions=versions(),
        fast_bfloat16=_fast_bfloat16() if task.on_cpu else None,
        storage=task.exchange.look(reply),
        data=_data(task),
    )


def _fast_bfloat16() -> bool:
    import torch

    from simcvd.training.precision import has_fast_bfloat16

    return has_fast_bfloat16(torch.device("cpu"))


def _data(task: NodeTask) -> DataReport:
    from simcvd.data.store import case_path, open_info
    from simcvd.errors import UserError

    if task.source is not None:
        return _data_in_store(task, task.source)
    try:
        digest = open_info(task.dataset).digest
    except (UserError, OSError) as error:
        return DataReport(error=reason_of(error))
    missing: list[str] = []
    sizes: dict[str, int] = {}
    for case_id, expected in task.sizes.items():
        try:
            size = case_path(task.dataset, case_id).stat().st_size
        except OSError:
            missing.append(case_id)
            continue
        if size != expected:
            sizes[case_id] = size
    if missing or sizes:
        return DataReport(digest, missing=tuple(missing), sizes=sizes)
    damaged, compared = _compare(task)
    return DataReport(digest, damaged=damaged, compared=compared)


def _data_in_store(task: NodeTask, source: "Source") -> DataReport:
    from simcvd.errors import UserError
    from sweeps.storage.data_source import digest_of

    try:
        digest = digest_of(source)
        there = source.files()
    except (UserError, OSError) as error:
        return DataReport(error=reason_of(error))
    found = {case_id: there.get(f"cases/{case_id}.h5") for case_id in task.sizes}
    missing = tuple(case_id for case_id, size in found.items() if size is None)
    sizes = {case_id: size for case_id, size in found.items() if size is not None and size != task.sizes[case_id]}
    return DataReport(digest, missing=missing, sizes=sizes)


def _compare(task: NodeTask) -> tuple[tuple[str, str] | None, int]:
    """Read cases while there is time; return the first damaged one, and how many are right."""
    from simcvd.data.store import case_digest
    from simcvd.errors import UserError

    until = time.monotonic() + SAMPLE_S
    for compared, (case_id, expected) in enumerate(task.digests.items()):
        if compared and time.monotonic() > until:
            return None, compared
        try:
            if case_digest(task.dataset, case_id) != expected:
                return (case_id, "its digest is not the one in dataset.json"), compared
        except UserError as error:
            return (case_id, reason_of(error)), compared
    return None, len(task.digests)
