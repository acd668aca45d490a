"""The preflight: all checks in their order, on this machine and on the other nodes at once."""

import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simcvd.config import TrialConfig
from sweeps.preflight.devices import look_at_devices
from sweeps.preflight.disk import disk_need, free_bytes, judge_disk
from sweeps.preflight.fit import fit_notices
from sweeps.preflight.gpu import gpu_task
from sweeps.preflight.newcomer import Newcomers
from sweeps.preflight.node import NodeReport, NodeTask, examine
from sweeps.preflight.precision import PrecisionName
from sweeps.preflight.ray_nodes import ask, other_nodes, own_node
from sweeps.preflight.verdict import Reports, judge_data, judge_versions
from sweeps.resources.machine import cpu_bytes
from sweeps.resources.placement import Node, place, this_machine, usable
from sweeps.resources.ray_session import ray_is_running, ray_session, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import NodeData
from sweeps.storage.data_source import gigabytes
from sweeps.storage.exchange import HERE
from sweeps.storage.runs import RunsStorage

if TYPE_CHECKING:
    from simcvd.data.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Subject:
    """What is about to run.

    Attributes:
        data: the data set and its way to the nodes.
        storage: where the runs are.
        configs: settings of the trials to run.
        with_test: whether test cases are scored; a search looks at train and val alone.
        sized: whether the trials write what `simcvd.training` writes, so that its size is known.
        recorded: how many trials of the sweep with `training.precision=auto` ran before, by what they ran in.
    """

    data: NodeData
    storage: RunsStorage
    configs: Sequence[TrialConfig]
    with_test: bool = True
    sized: bool = True
    recorded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What was checked and found right.

    Attributes:
        lines: what was found, by what was checked.
        notices: sentences on what is no obstacle but worth knowing.
        precision: what `training.precision=auto` is for all trials; none where no trial has it.
        newcomers: what nodes must be that join later.
    """

    lines: Mapping[str, str]
    notices: tuple[str, ...] = ()
    precision: PrecisionName | None = None
    newcomers: Newcomers | None = None


def preflight(subject: Subject, placement: Placement, slots: int, nodes: Sequence[Node]) -> Findings:
    """Check versions, storage, data and disk on every node that trials can run on.

    Nodes are asked through Ray, side by side; this machine is looked at without it as well, since Ray's processes may
    import other code than the command does, and a Ray that was there before has its own environment. What fits where
    was decided by `place`, and memory of devices is not looked at.

    Args:
        subject: what is about to run.
        placement: resources of a worker.
        slots: trials side by side.
        nodes: `ray.nodes()`.

    Raises:
        UserError: the first obstacle, with the node that has it.
    """
    from simcvd.data.store import open_info

    started = time.monotonic()
    data, storage = subject.data, subject.storage
    info = open_info(data.folder)
    on_gpu = placement.gpus > 0
    joined = usable(nodes, placement) if ray_is_running() else []
    others = other_nodes(joined) if joined else {}
    own = own_node(joined) if joined else {}
    asked = others | own
    trained = subject.configs if subject.sized else ()  # what stands in for training computes no convolution
    gpus = gpu_task(trained, len(info.channels), len(info.classes) + 1) if on_gpu else None
    devices = look_at_devices(joined if ray_is_running() else nodes, gpus)
    with storage.exchange() as exchange:
        task = NodeTask(
            exchange=exchange,
            dataset=data.folder,
            sizes=_sizes(subject, info),
            digests=_drawn(info, random.Random(exchange.token)),
            on_cpu=not on_gpu,
            source=data.only_source,
        )
        answers = ask(task, asked) if asked else dict
        # A machine that no trial runs on, such as a head without cores, has no say in the arithmetic.
        runs_here = bool(own) or not ray_is_running()
        here = examine(replace(task, on_cpu=task.on_cpu and runs_here), "here")
        need = disk_need(subject.configs, info, slots, with_test=subject.with_test) if subject.sized else None
        reports: Reports = {HERE: here, **answers()}
        judge_versions(reports)
        unseen = [name for key, name in asked.items() if _wrote(reports[name]) and not exchange.answered(key)]
        notices = exchange.judge({name: report.storage for name, report in reports.items()}, unseen)
        judge_data(data.folder, info.digest, task.sizes, reports)
        free = free_bytes(storage.folder)
        if need is not None:
            need = replace(need, kept=storage.staying(need.kept))
            judge_disk(storage.folder, need, free)
    found = devices.judge(reports, subject.configs, subject.recorded)
    where = HERE if not others else f"{HERE} and {len(others)} other node(s)"
    compared = min(report.data.compared for report in reports.values())
    lines = {
        "resources": f"{slots} trial(s) side by side, {_told(placement)}",
        "versions": ", ".join(f"{package} {version}" for package, version in here.versions.items()) + f", on {where}",
        **found.lines,
        "storage": f"{storage} can be read, written and locked by {where}",
        "data": f"{info.name}, digest {info.digest[:12]}: {len(task.sizes)} case files, {compared} read, on {where}",
        "disk": f"{'size unknown' if need is None else gigabytes(need.total)} needed, {gigabytes(free)} free",
        "time": f"{time.monotonic() - started:.1f} s",
    }
    available = _bytes_of_a_trial(placement, slots, found.gpu_bytes)
    fit = fit_notices(info, trained, available, "each GPU" if on_gpu else None, found.precision.name)
    return Findings(lines, (*notices, *found.notices, *fit), found.precision.name, found.newcomers)


def check_alone(subject: Subject, request: ResourceRequest) -> Findings:
    """Check without running anything; a Ray is joined where there is one, and none is started.

    Raises:
        UserError: the first obstacle.
    """
    joins = ray_is_running() or running_ray(request.address)
    machine = None if joins else this_machine()
    if machine is not None:
        return preflight(subject, *place(request, [machine]), [machine])
    with ray_session(request.address):
        import ray

        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        return preflight(subject, *place(request, nodes), nodes)


def _wrote(report: NodeReport) -> bool:
    return report.storage.sees_command and report.storage.write_error is None


def _bytes_of_a_trial(placement: Placement, slots: int, gpu_bytes: int | None) -> int | None:
    """Return the memory that a trial may take: of GPUs, or of this machine if it has all trials; none: not known."""
    if placement.gpus:
        return None if gpu_bytes is None else int(gpu_bytes * min(1.0, placement.gpus)) * placement.workers
    return None if ray_is_running() else cpu_bytes(placement, slots)


def _told(placement: Placement) -> str:
    share = f" and {placement.gpus:g} GPU" if placement.gpus else ""
    return f"each {placement.workers} worker(s) of {placement.cpus} CPU{share}"


def _sizes(subject: Subject, info: "DatasetInfo") -> dict[str, int]:
    """Return the bytes of each case file that trials open: those here, and at least what its arrays take."""
    from simcvd.data.store import case_path

    sizes = {}
    for name, ids in info.splits.items():
        for case_id in ids if name != "test" or subject.with_test else ():
            x, y, z = info.shapes[case_id]
            label = 1 + 2 * len(info.classes) if case_id in info.with_label else 0
            sizes[case_id] = x * y * z * (4 * len(info.channels) + label)
            with contextlib.suppress(OSError):
                sizes[case_id] = max(sizes[case_id], case_path(subject.data.folder, case_id).stat().st_size)
    return sizes


def _drawn(info: "DatasetInfo", generator: random.Random) -> dict[str, str]:
    """Return the digests of the training and validation cases in an order that another preflight changes."""
    ids = [case_id for name, ids in info.splits.items() if name != "test" for case_id in ids]
    return {case_id: info.digests[case_id] for case_id in generator.sample(ids, len(ids))}
