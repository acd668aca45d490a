"""The part of the preflight that looks at what trials compute on, and decides on the arithmetic that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simcvd.config import TrialConfig
from sweeps.preflight.gpu import GpuReport, GpuTask, ask_gpus
from sweeps.preflight.gpu_verdict import alike, judge_gpus, told
from sweeps.preflight.newcomer import Newcomers
from sweeps.preflight.precision import SweepPrecision, of_gpus, of_processors, resolve
from sweeps.preflight.ray_nodes import OWN, ask_for_gpus, other_nodes, own_node
from sweeps.preflight.verdict import Reports
from sweeps.resources.placement import GPU, Node
from sweeps.resources.ray_session import ray_is_running
from sweeps.storage.exchange import HERE


@dataclass(frozen=True)
class DeviceFindings:
    """What trials compute on.

    Attributes:
        lines: what was found, by what was checked.
        notices: sentences on what is no obstacle but worth knowing.
        precision: the arithmetic that all trials share.
        newcomers: what nodes must be that join later.
        gpu_bytes: memory of the smallest GPU; none where trials compute on the CPU, or nothing tells it.
    """

    lines: Mapping[str, str]
    notices: tuple[str, ...]
    precision: SweepPrecision
    newcomers: Newcomers
    gpu_bytes: int | None = None


@dataclass(frozen=True)
class DeviceLook:
    """A look at the devices that has begun.

    Attributes:
        nodes: the nodes of Ray that trials can run on; where no Ray runs, this machine or nothing.
        task: what GPUs are asked; none where trials compute on the CPU.
        answers: waits for the GPUs.
    """

    nodes: Sequence[Node]
    task: GpuTask | None
    answers: Callable[[], dict[str, GpuReport]]

    def judge(self, reports: Reports, configs: Sequence[TrialConfig], recorded: Mapping[str, int]) -> DeviceFindings:
        """Wait for the GPUs and judge them.

        Args:
            reports: what the nodes found otherwise.
            configs: settings of the trials to run.
            recorded: how many trials of the sweep with `training.precision=auto` ran before, by what they ran in.

        Raises:
            UserError: GPUs that do not compute, that differ in their libraries or lack the bfloat16 that was asked for.
        """
        torch = reports[HERE].versions["torch"]
        wanted = {config.training.precision for config in configs}
        seen = frozenset(str(node["NodeID"]) for node in self.nodes)
        if self.task is None:
            machines = {name: report for name, report in reports.items() if name != OWN}  # it is among them as `HERE`
            fast = {n: report.fast_bfloat16 for n, report in machines.items() if report.fast_bfloat16 is not None}
            precision = resolve(wanted, of_processors(fast), recorded)
            newcomers = Newcomers(seen, torch, precision.name)
            return DeviceFindings({"precision": _shown(precision)}, precision.notices, precision, newcomers)
        gpus = self.answers()
        notices = judge_gpus(gpus, torch, self._handed_out())
        precision = resolve(wanted, of_gpus(gpus), recorded)
        like = alike(next(iter(gpus.values())))
        newcomers = Newcomers(seen, torch, precision.name, self.task, tuple(like.items()))
        lines = {"gpus": told(gpus), "precision": _shown(precision)}
        sizes = [device.memory_bytes for report in gpus.values() for device in report.devices if device.memory_bytes]
        return DeviceFindings(lines, (*notices, *precision.notices), precision, newcomers, min(sizes, default=None))

    def _handed_out(self) -> dict[str, float]:
        counts = {str(node["NodeID"]): float(node["Resources"].get(GPU, 0)) for node in self.nodes}
        names = _names(self.nodes) if ray_is_running() else dict.fromkeys(counts, HERE)
        return {names[node_id]: count for node_id, count in counts.items()}


def look_at_devices(nodes: Sequence[Node], task: GpuTask | None) -> DeviceLook:
    """Begin to look at the devices of nodes.

    GPUs are looked at from Ray's own processes, where one runs: what is visible there is what trials get, and may be
    another choice than this command's.

    Args:
        nodes: the nodes of Ray that trials can run on; where no Ray runs, this machine or nothing.
        task: what to ask GPUs; none where trials compute on the CPU.
    """
    if task is None:
        return DeviceLook(nodes, None, dict)
    if not ray_is_running():
        return DeviceLook(nodes, task, lambda: {HERE: ask_gpus(task)})
    return DeviceLook(nodes, task, ask_for_gpus(task, _names(nodes)))


def _names(nodes: Sequence[Node]) -> dict[str, str]:
    return dict.fromkeys(own_node(nodes), HERE) | other_nodes(nodes)


def _shown(precision: SweepPrecision) -> str:
    return f"{precision.name}, {precision.why}" if precision.name else precision.why
