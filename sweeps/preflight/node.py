"""What one node finds: versions, the runs folder and the data set. It gathers facts; `verdict` judges them.

This runs on every node that trials can run on, in a process of its own there, so it imports little.
"""

import fcntl
import hashlib
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path

SAMPLE_S = 2.0
"""Seconds a node reads case files for."""

COMMAND_FILE, LOCK_FILE = "command", "lock"
_PACKAGES = ("torch", "ray", "numpy", "simcvd")
_OWN = ("simcvd", "sweeps", "analysis")


@dataclass(frozen=True)
class NodeTask:
    """What a node is to look at.

    Attributes:
        exchange: folder in RUNS with a file that this command wrote and one that it holds locked.
        token: what that file holds, and what the node writes into its own.
        dataset: data set folder.
        sizes: bytes of each case file that trials open, by case id.
        digests: SHA-256 of the cases to read, in the order of reading; as many as there is time for.
        with_gpu: whether trials compute on GPUs.
    """

    exchange: Path
    token: str
    dataset: Path
    sizes: Mapping[str, int]
    digests: Mapping[str, str]
    with_gpu: bool = False


@dataclass(frozen=True)
class StorageReport:
    """What a node found in the runs folder.

    Attributes:
        sees_command: whether the command's file is there and holds the token.
        write_error: why the node's own file could not be written.
        locked_out: whether the command's lock keeps the node out, as it should.
        lock_error: why a lock could not be asked for.
    """

    sees_command: bool = True
    write_error: str | None = None
    locked_out: bool = True
    lock_error: str | None = None


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
        gpu_build: whether torch can use GPUs at all; none where it was not asked.
        storage: the runs folder.
        data: the data set.
    """

    versions: Mapping[str, str]
    gpu_build: bool | None
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
        gpu_build=_gpu_build() if task.with_gpu else None,
        storage=_storage(task, reply),
        data=_data(task),
    )


def versions() -> dict[str, str]:
    """Return the versions of what decides a trial's numbers, without importing it.

    An editable installation keeps its version while its files change, so our own sources are compared as well.
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "none"
    return found | {"simcvd's source files": _source_digest()[:8]}


def _source_digest() -> str:
    total = hashlib.sha256()
    for package in _OWN:
        spec = util.find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            files = [path for path in Path(root).rglob("*") if path.suffix in {".py", ".yaml"}]
            for path in sorted(files):
                total.update(f"{package}/{path.relative_to(root).as_posix()}\n".encode())
                total.update(path.read_bytes())
    return total.hexdigest()


def _gpu_build() -> bool:
    import torch

    return torch.version.cuda is not None or torch.version.hip is not None


def _storage(task: NodeTask, reply: str) -> StorageReport:
    try:
        if (task.exchange / COMMAND_FILE).read_text() != task.token:
            return StorageReport(sees_command=False)
    except OSError:
        return StorageReport(sees_command=False)
    try:
        (task.exchange / reply).write_text(task.token)
    except OSError as error:
        return StorageReport(write_error=_reason(error))
    try:
        with (task.exchange / LOCK_FILE).open("a+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return StorageReport()
    except OSError as error:
        return StorageReport(lock_error=_reason(error))
    return StorageReport(locked_out=False)


def _data(task: NodeTask) -> DataReport:
    from simcvd.data.store import case_path, open_info
    from simcvd.errors import UserError

    try:
        digest = open_info(task.dataset).digest
    except (UserError, OSError) as error:
        return DataReport(error=_reason(error))
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
            return (case_id, _reason(error)), compared
    return None, len(task.digests)


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".")
