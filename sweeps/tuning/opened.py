"""A tuning before its first stage: the data set, the methods' settings, the schedule, what an earlier command left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.dataset_info import DatasetInfo, open_info
from simcvd.errors import UserError
from sweeps.definition.changes import Changes
from sweeps.plan import here
from sweeps.request import Budget, SweepRequest
from sweeps.session import say
from sweeps.status.sweep import duration
from sweeps.storage.location import refuse_store
from sweeps.storage.runs import RunsStorage
from sweeps.tuning.earlier import earlier_best
from sweeps.tuning.folds import possible_folds
from sweeps.tuning.forecast import Forecast, plan_lines, prove
from sweeps.tuning.record import TuneRecord, read_record
from sweeps.tuning.request import SUPERVISED, TuneRequest
from sweeps.tuning.schedule import Schedule, Wanted, make_schedule
from sweeps.tuning.space import read_also

if TYPE_CHECKING:
    from rich.console import Console

_OWN: Final = {
    "method": "--methods",
    "seed": "--seeds",
    "data.fold": "--folds",
    "data.train_on_val": "--skip final",
}
"""Settings that a tuning sets itself, and what to give in their place."""


@dataclass(frozen=True)
class Opened:
    """A tuning and what it works on.

    Attributes:
        request: with folders of this machine, and changes on the data set.
        storage: of the runs.
        info: the data set.
        configs: settings of each method at its defaults, supervised training last.
        console: where to show progress.
    """

    request: TuneRequest
    storage: RunsStorage
    info: DatasetInfo
    configs: Mapping[str, TrialConfig]
    console: "Console"

    def tell(self, text: str) -> None:
        """Print a sentence."""
        say(self.console, text)

    @property
    def base(self) -> SweepRequest:
        """What the stages' sweeps have in common."""
        return self.request.base

    @property
    def methods(self) -> list[str]:
        """The methods at their defaults that are trained: supervised first, unless the baseline is skipped."""
        own = [method for method in self.request.methods if method != SUPERVISED]
        with_supervised = "baseline" not in self.request.skip or SUPERVISED in self.request.methods
        return [SUPERVISED, *own] if with_supervised else own

    @property
    def compares(self) -> bool:
        """Whether fresh seeds are compared: not without cases that no training sees."""
        splits = self.info.splits
        return "confirm" not in self.request.skip and bool(splits.test or splits.val)

    def planned(self, progress: Callable[[int, int], None] | None = None) -> TuneRecord:
        """Return the record of an earlier command that was asked the same, or measure and plan; nothing is written."""
        identity = self.request.identity(self.info.digest)
        found = read_record(self.request.folder)
        if found is not None and found.identity == identity:
            return found
        if found is not None:
            self.tell("It is asked for otherwise than before: planned anew; what is trained already is taken.")
        return self.forecast(identity, progress)[0]

    def forecast(
        self, identity: str, progress: Callable[[int, int], None] | None = None
    ) -> tuple[TuneRecord, Forecast]:
        """Take real steps of each method on this device, and return the schedule that fits the time.

        Raises:
            UserError: a method can't run here, or the time is too short.
        """
        self.tell("Measuring real steps of each method on this device ...")
        forecast = prove(self.base, self.info, self.configs, self.tell, progress=progress)
        schedule = make_schedule(self._wanted(forecast), forecast.times)
        plan = tuple(plan_lines(self.base.dataset, self.info))
        start = (*self.request.start, *earlier_best(self.base.runs, self.request.name, self.configs))
        return TuneRecord(identity, schedule, dict(forecast.smaller), start, plan), forecast

    def _wanted(self, forecast: Forecast) -> Wanted:
        request, first = self.request, next(iter(self.configs.values()))
        time_s, hours = self.base.budget.time_s, self.base.budget.gpu_hours
        if hours is not None:
            # All slots together use no more in a time than all their GPUs.
            wall_s = hours * 3600 / forecast.gpus
            time_s = wall_s if time_s is None else min(time_s, wall_s)
        return Wanted(
            steps=first.training.steps,
            methods=len([method for method in self.methods if method != SUPERVISED]),
            supervised=SUPERVISED in self.methods,
            folds=possible_folds(self.info, first, request.folds),
            trials=request.trials,
            seeds=request.seeds,
            search="search" not in request.skip,
            confirm=self.compares,
            final="final" not in request.skip and (bool(self.info.splits.val) or not self.compares),
            slots=forecast.slots,
            time_s=time_s,
        )


def open_tuning(request: TuneRequest, console: "Console") -> Opened:
    """Check what was asked against the data set; nothing is written or started.

    Raises:
        UserError: something must be changed first.
    """
    refuse_store(request.base.runs, "tune")
    base, storage = here(request.base, lambda text: say(console, text))
    info = open_info(base.dataset)
    if taken := sorted(base.changes.overrides.keys() & _OWN.keys()):
        raise UserError(f"{taken[0]} is set by tune itself; use {_OWN[taken[0]]} in place of --set.")
    changes = base.changes.on_dataset(base.dataset, info.preset)
    base = replace(base, changes=changes)
    own = apply_settings(load_preset(changes.preset or "la", changes.plan), changes.overrides)
    methods = dict.fromkeys([*request.methods, SUPERVISED])
    configs = {method: apply_settings(own, {"method": method}) for method in methods}
    for method in request.methods:
        read_also(request.also, configs[method], request.methods)
    return Opened(replace(request, base=base), storage, info, configs, console)


def schedule_lines(schedule: Schedule, time_s: float | None) -> list[str]:
    """Return the schedule for people, a line a stage."""
    folds = f"{schedule.folds} folds of the labelled cases and the val cases" if schedule.folds else "the val cases"
    found = [f"Schedule: trainings of {schedule.steps:,} steps; {folds} choose."]
    for stage in schedule.stages:
        found.append(f"  {stage.name}: up to {stage.trials} trainings, about {duration(stage.seconds)}")
    limit = "" if time_s is None else f" of {duration(time_s)}"
    found.append(f"  in all: about {duration(schedule.seconds)}{limit}")
    return [*found, *(f"  {reason}" for reason in schedule.reasons)]


def stage_request(opened: Opened, record: TuneRecord, time_s: float | None) -> SweepRequest:
    """Return what the sweeps of all stages have in common, with the settings that the schedule asks for."""
    changes: Changes = opened.base.changes
    forced = {**changes.overrides, **record.smaller, "training.steps": record.schedule.steps}
    return replace(opened.base, changes=replace(changes, overrides=forced), budget=Budget(probe_steps=0, time_s=time_s))
