"""A tuning before its first stage: the data set, the methods' settings, the schedule, what an earlier command left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from simcvd.config import DEFAULT_PRESET, TrialConfig, apply_settings, load_preset
from simcvd.data.dataset_info import DatasetInfo, open_info
from simcvd.errors import UserError
from sweeps.definition.search_space import Space
from sweeps.plan import here
from sweeps.request import Budget, SweepRequest
from sweeps.search.plan import plan_search
from sweeps.session import say
from sweeps.status.sweep import duration
from sweeps.storage.location import refuse_store
from sweeps.storage.runs import RunsStorage
from sweeps.tuning.folds import possible_folds
from sweeps.tuning.forecast import Forecast, plan_lines, prove
from sweeps.tuning.record import TuneRecord, read_record
from sweeps.tuning.request import SUPERVISED, TuneRequest
from sweeps.tuning.schedule import Schedule, Wanted, make_schedule
from sweeps.tuning.space import check_start, earlier_best, read_also, search_space
from sweeps.tuning.stages import search_sweep

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
        with_supervised = self.request.compares_methods or SUPERVISED in self.request.methods
        return [SUPERVISED, *own] if with_supervised else own

    @property
    def compares(self) -> bool:
        """Whether fresh seeds are compared: not without cases that no training sees."""
        splits = self.info.splits
        return "confirm" not in self.request.skip and bool(splits.test or splits.val)

    def planned(self) -> TuneRecord:
        """Return the record of an earlier command that was asked the same, or measure and plan; nothing is written."""
        identity = self.request.identity(self.info.digest)
        found = read_record(self.request.folder)
        if found is not None and found.identity == identity:
            return found
        if found is not None:
            self.tell("It is asked for otherwise than before: planned anew; what is trained already is taken.")
        return self.forecast(identity)

    def forecast(self, identity: str, progress: Callable[[int, int], None] | None = None) -> TuneRecord:
        """Take real steps of each method on this device, and return the schedule that fits the time.

        Raises:
            UserError: a method can't run here, or the time is too short.
        """
        began = time.monotonic()
        self.tell("Measuring real steps of each method on this device ...")
        forecast = prove(self.base, self.info, self.configs, self.tell, progress=progress)
        limit_s, asked = self._limit(forecast)
        # Measuring took some of it.
        left_s = None if limit_s is None else limit_s - (time.monotonic() - began)
        schedule = make_schedule(replace(self._wanted(forecast), time_s=left_s, asked=asked), forecast.times)
        first = next(iter(self.configs.values()))
        plan = tuple(plan_lines(self.base.dataset, self.info, first, self.base.changes.preset))
        start = (*self.request.start, *earlier_best(self.base.runs, self.request.stage_name("search"), self.configs))
        return TuneRecord(identity, schedule, dict(forecast.smaller), start, plan, limit_s)

    def _limit(self, forecast: Forecast) -> tuple[float | None, str]:
        """Return the time of all stages in seconds, and the option that limits it, as asked."""
        budget = self.base.budget
        asked = "" if budget.time_s is None else f"--time-budget {duration(budget.time_s)}"
        if budget.gpu_hours is None:
            return budget.time_s, asked
        # All slots together use no more in a time than all their GPUs.
        wall_s = budget.gpu_hours * 3600 / forecast.gpus
        if budget.time_s is not None and budget.time_s <= wall_s:
            return budget.time_s, asked
        return wall_s, f"--gpu-hours {budget.gpu_hours:g}, which is {duration(wall_s)} here,"

    def _wanted(self, forecast: Forecast) -> Wanted:
        request, first = self.request, next(iter(self.configs.values()))
        return Wanted(
            steps=first.training.steps,
            baseline=request.compares_methods,
            methods=len([method for method in self.methods if method != SUPERVISED]),
            supervised=SUPERVISED in self.methods,
            folds=possible_folds(self.info, first, request.folds),
            trials=request.trials,
            seeds=request.seeds,
            search="search" not in request.skip,
            confirm=self.compares,
            final="final" not in request.skip and (bool(self.info.splits.val) or not self.compares),
            slots=forecast.slots,
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
    own = apply_settings(load_preset(changes.preset or DEFAULT_PRESET, changes.plan), changes.overrides)
    methods = dict.fromkeys([*request.methods, SUPERVISED])
    configs = {method: apply_settings(own, {"method": method}) for method in methods}
    possible_folds(info, next(iter(configs.values())), request.folds)
    spaces = {method: _checked_space(request, configs[method], info) for method in request.methods}
    for settings in request.start:
        check_start(settings, spaces)
    return Opened(replace(request, base=base), storage, info, configs, console)


def _checked_space(request: TuneRequest, config: TrialConfig, info: DatasetInfo) -> dict[str, Space]:
    """Return what is searched of a method, and refuse now what would be refused when the search begins, hours later.

    Raises:
        UserError: with what to change.
    """
    space = search_space(config, read_also(request.also, config, request.methods))
    sweep = search_sweep(request.stage_name("search"), config.method, space, {"sampler": request.sampler}, folds=2)
    plan_search(sweep, config, info.digest, len(info.splits.val))
    return space


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
    changes = replace(opened.base.changes, overrides={**opened.base.changes.overrides, **record.forced})
    return replace(opened.base, changes=changes, budget=Budget(probe_steps=0, time_s=time_s), is_stage=True)
