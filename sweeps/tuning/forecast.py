"""The plan proved on this device: real steps of the heaviest trials, smaller batches where needed, and times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simcvd.config import DEFAULT_PRESET, PLAN, TrialConfig, apply_settings
from simcvd.config.edit import flatten
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.training_cases import training_cases
from simcvd.errors import UserError
from simcvd.nested import written
from sweeps.prediction.costs import Costs, ProbeFailure
from sweeps.prediction.probe import probe
from sweeps.request import SweepRequest
from sweeps.resources.machine import measuring_machine
from sweeps.tuning.schedule import TrialTimes

_HALVED: Final = {
    "training": ("training.batch_unlabeled", "training.batch_labeled"),
    "inference": ("inference.batch_windows",),
}
"""What is made smaller, in this order, where memory does not suffice for steps, and where not for predictions."""
_NO_DEVICE: Final = (
    "The time of a trial can't be measured: trials get a GPU of the Ray that is joined, and this machine has none; "
    "give the command on one of its nodes with a GPU."
)


@dataclass(frozen=True)
class Forecast:
    """What was measured.

    Attributes:
        info: the data set.
        configs: settings of each method at its defaults, as they fit this device.
        supervised: settings of supervised training.
        costs: times of steps and predictions.
        slots: trials side by side.
        smaller: settings that were made smaller to fit, for all trials.
        gpus: GPUs that all slots use together.
    """

    info: DatasetInfo
    configs: Mapping[str, TrialConfig]
    supervised: TrialConfig
    costs: Costs
    slots: int
    smaller: Mapping[str, Any]
    gpus: float

    def times(self, steps: int, folds: int) -> TrialTimes:
        """Return the time of a trial of so many steps, the slowest method's; with folds, its part is scored, too."""
        own: dict[str, Any] = {"training.steps": steps} | ({"data.fold": [0, folds]} if folds else {})
        without_test = self.info.without_test

        def seconds(config: TrialConfig, info: DatasetInfo) -> float:
            found = self.costs.trial_seconds(apply_settings(config, own), info)
            assert isinstance(found, float)  # `prove` has refused anything else
            return found

        return TrialTimes(
            val=max(seconds(config, without_test) for config in self.configs.values()),
            test=max(seconds(config, self.info) for config in self.configs.values()),
            supervised_val=seconds(self.supervised, without_test),
            supervised_test=seconds(self.supervised, self.info),
        )


def prove(
    request: SweepRequest,
    info: DatasetInfo,
    configs: Mapping[str, TrialConfig],
    tell: Callable[[str], None],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Forecast:
    """Take real steps of the heaviest trial of each method, and make batches smaller until they fit.

    Args:
        request: with folders of this machine.
        info: the data set.
        configs: settings of each method at its defaults, supervised training among them.
        tell: gets a sentence for each thing that was made smaller.
        progress: gets the number of kinds measured and of all.

    Raises:
        UserError: a method can't run here, whatever the batch.
    """
    machine = measuring_machine(request.resources)
    if machine is None:
        raise UserError(_NO_DEVICE)
    if request.budget.gpu_hours is not None and not machine.placement.gpus:
        raise UserError(
            f"--gpu-hours is {request.budget.gpu_hours:g}, but trials run on the CPU here; use --time-budget."
        )
    smaller: dict[str, Any] = {}
    while True:
        fitting = {name: apply_settings(config, smaller) for name, config in configs.items()}
        costs = probe(
            [*fitting.values(), *map(_heaviest, fitting.values())],
            request.dataset,
            machine.placement,
            machine.own_slots,
            steps=request.budget.probe_steps or 1,
            progress=progress,
        )
        part, failure = _failure(costs)
        if failure is None:
            break
        if failure.kind not in {"out_of_memory", "lost"}:
            raise UserError(f"A trial can't run here: {failure.message.rstrip('.')}.")
        change = _smaller(next(iter(fitting.values())), part)
        what = "A training step" if part == "training" else "A prediction"
        if change is None:
            raise UserError(
                f"{what} on as little as one crop of each kind {failure.message.rstrip('.')}; lower data.crop_vox or "
                "network.width."
            )
        smaller |= change
        told = ", ".join(f"{key}={written(value)}" for key, value in change.items())
        tell(f"{what} {failure.message.rstrip('.')}; tried again with {told}.")
    return Forecast(
        info,
        {name: config for name, config in fitting.items() if name != "supervised"} or fitting,
        fitting["supervised"],
        costs,
        machine.slots,
        smaller,
        machine.slots * machine.placement.gpus * machine.placement.workers,
    )


def _heaviest(config: TrialConfig) -> TrialConfig:
    """Return the settings of a search that need most: the largest pooling."""
    return apply_settings(config, {"projection.pool_size": 2 * config.projection.pool_size})


def _failure(costs: Costs) -> tuple[str, ProbeFailure | None]:
    """Return the first failure, and whether it is one of training or of inference."""
    for part, found in (("training", costs.training), ("inference", costs.inference)):
        for each in found.values():
            if isinstance(each, ProbeFailure):
                return part, each
    return "", None


def _smaller(config: TrialConfig, part: str) -> dict[str, int] | None:
    """Return what to halve next; None where nothing is left."""
    values = flatten(config)
    for key in _HALVED[part]:
        if values[key] > 1:
            return {key: values[key] // 2}
    return None


def plan_lines(folder: Path, info: DatasetInfo, config: TrialConfig, preset: str | None) -> list[str]:
    """Return the cases and what trainings start from: the data set's plan, with where its reasons are, or a preset."""
    from simcvd.data.plan.plan_file import FILE_NAME, read_plan

    plan, cases = read_plan(folder) if preset == PLAN else None, training_cases(info, config.data)
    head = (
        f"{info.name}: {len(cases.labeled)} labelled, {len(cases.unlabeled)} unlabelled, {len(info.splits.val)} val, "
        f"{len(info.splits.test)} test cases; classes {', '.join(info.classes)}."
    )
    if plan is None:
        return [head, f"Trainings start from the preset {preset or DEFAULT_PRESET}."]
    settings = ", ".join(f"{key}={written(value)}" for key, value in plan.items())
    return [head, f"Its plan, with the reasons in {folder / FILE_NAME}: {settings}."]
