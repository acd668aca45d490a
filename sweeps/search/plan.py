"""A search resolved against a data set: what is tried, how long, and the trials that this makes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from simcvd.config import TrialConfig, apply_settings, config_hash, trial_id
from simcvd.config.edit import flatten
from simcvd.config.types import MOST_SEED
from simcvd.errors import UserError
from simcvd.metrics.names import OVERLAPS
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import Changes
from sweeps.definition.expand import expand
from sweeps.definition.search_space import Space, Strategy
from sweeps.preflight.trials import check_trials
from sweeps.request import SweepRequest
from sweeps.resources.request import check_request
from sweeps.search.sampler import check_sampler
from sweeps.search.space import distributions

_ONCE_THE_ONLY = (("sampler", "tpe"), ("folds", None))
SCHEDULE_RUNGS = (0.6,)
TRUNCATE_RUNGS = (0.6, 0.8)


@dataclass(frozen=True)
class SearchPlan:
    """What a search tries.

    Attributes:
        name: the sweep's name.
        base: settings that every trial starts from, with the seed that is searched with; tried first.
        dataset_digest: `DatasetInfo.digest`.
        space: range of each searched setting.
        strategy: how many and how long.
        metric: `dice` or `jaccard` on val cases.
    """

    name: str
    base: TrialConfig
    dataset_digest: str
    space: Mapping[str, Space]
    strategy: Strategy
    metric: str

    @property
    def steps(self) -> int:
        """Steps of a full training, or of those of all folds together."""
        return self.base.training.steps * (self.strategy.folds or 1)

    @cached_property
    def rungs(self) -> tuple[int, ...]:
        """Steps after which settings are compared and only the better ones go on."""
        if self.strategy.fidelity == "full":
            return ()
        if self.strategy.folds is not None:
            return tuple(self.base.training.steps * done for done in range(1, self.strategy.folds))
        fractions: Sequence[float] | None = self.strategy.rungs
        if fractions is None and self.strategy.fidelity == "truncate":
            fractions = [part * self.base.loss.ramp_up_fraction for part in TRUNCATE_RUNGS]
        steps = (max(1, round(part * self.steps)) for part in fractions or SCHEDULE_RUNGS)
        return tuple(sorted({number for number in steps if number < self.steps}))

    @property
    def first_steps(self) -> int:
        """Steps of a setting's first training, as `trial` takes them."""
        return self.steps if self.strategy.fidelity == "truncate" else (*self.rungs, self.steps)[0]

    @cached_property
    def start(self) -> list[dict[str, Any]]:
        """Settings to try first: the base's own, then those of the strategy, with the base's where they are silent."""
        own = {key: flatten(self.base)[key] for key in self.space}
        return [own, *(own | dict(settings) for settings in self.strategy.start)]

    @cached_property
    def identity(self) -> str:
        """Twelve hex digits that are equal where a search may go on with what an earlier command found."""
        asked = self.strategy.model_dump(mode="json", exclude={"trials", "confirm_seeds"})
        # As searches were named before there were others.
        asked = {key: value for key, value in asked.items() if (key, value) not in _ONCE_THE_ONLY}
        content = {
            "base": config_hash(self.base, self.dataset_digest),
            "space": {key: values.model_dump(mode="json") for key, values in self.space.items()},
            "strategy": asked,
            "metric": self.metric,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def trial(self, settings: Mapping[str, Any], steps: int) -> tuple[str, TrialConfig]:
        """Return id and settings of the trial that tries `settings` for `steps`.

        Args:
            settings: dotted settings.
            steps: of its training; with folds those before it are counted, too.
        """
        if self.strategy.folds is not None:
            fold = steps // self.base.training.steps - 1
            config = apply_settings(self.base, dict(settings) | {"data.fold": [fold, self.strategy.folds]})
        else:
            config = apply_settings(self.base, dict(settings) | {"training.steps": steps})
        return trial_id(config, self.dataset_digest), config

    def full(self, settings: Mapping[str, Any]) -> TrialConfig:
        """Return the settings of a full training, on all labelled cases."""
        return apply_settings(self.base, dict(settings))


def plan_search(sweep: SweepFile, base: TrialConfig, dataset_digest: str, val_cases: int) -> SearchPlan:
    """Check a search and put it together.

    Raises:
        UserError: there are no val cases to select by, the metric can't select, or a start point is outside the space.
    """
    if sweep.search is None:
        raise UserError(f"The sweep {sweep.name} has no search.")
    check_sampler(sweep.strategy)
    if base.data.train_on_val:
        raise UserError(f"The search {sweep.name} selects by val cases, which data.train_on_val trains on; drop that.")
    if base.data.fold is not None and sweep.strategy.folds is not None:
        raise UserError(f"The search {sweep.name} divides the labelled cases into folds itself; drop data.fold.")
    if not val_cases and sweep.strategy.folds is None:
        raise UserError(
            f"The search {sweep.name} selects by val cases, but the data set has none; prepare it again with --val N, "
            "or give strategy.folds."
        )
    if sweep.metric not in OVERLAPS:
        raise UserError(
            f"The search {sweep.name} has the metric {sweep.metric}, which can't select; expected "
            f"{' or '.join(OVERLAPS)} (others can stand under also)."
        )
    plan = SearchPlan(sweep.name, base, dataset_digest, sweep.search, sweep.strategy or Strategy(), sweep.metric)
    if (last := base.seed + plan.strategy.confirm_seeds) >= MOST_SEED:
        raise UserError(f"The search {sweep.name} would confirm with the seed {last}; take a seed that is smaller.")
    _check_start(plan)
    return plan


def resolve_search(request: SweepRequest) -> tuple[SearchPlan, Changes]:
    """Return a search resolved against a data set, and the changes that made it; nothing is written or started.

    Raises:
        UserError: the search, the data set or the resources are wrong.
    """
    from simcvd.data.store import open_info
    from simcvd.data.training_cases import training_cases

    check_request(request.resources)
    info, sweep = open_info(request.dataset), request.sweep
    changes = request.changes.on_dataset(request.dataset, info.preset)
    one_seed = replace(changes, seeds=list(changes.seeds or sweep.seeds)[:1])
    (default,) = expand(sweep, info.digest, one_seed)
    if request.budget.max_trials is not None:
        strategy = sweep.strategy.model_copy(update={"trials": request.budget.max_trials})
        sweep = sweep.model_copy(update={"strategy": strategy})
    config = default.trials[0].config
    plan = plan_search(sweep, config, info.digest, len(training_cases(info, config.data).val))
    check_trials(request.dataset, default.trials, request.resources.workers)
    return plan, changes


def _check_start(plan: SearchPlan) -> None:
    ranges = distributions(plan.space, plan.base)
    for index, settings in enumerate(plan.strategy.start):
        if unknown := sorted(set(settings) - set(plan.space)):
            raise UserError(
                f"strategy.start {index + 1} of the search {plan.name} sets {', '.join(unknown)}, which is not "
                f"searched; searched are {', '.join(plan.space)}."
            )
        plan.trial(settings, plan.steps)
        for key, value in settings.items():
            limits = ranges[key]
            inside = value in limits.choices if hasattr(limits, "choices") else limits.low <= value <= limits.high  # type: ignore[attr-defined]
            if not inside:
                raise UserError(
                    f"strategy.start {index + 1} of the search {plan.name} has {key} = {value}, which is outside of "
                    "what is searched; widen the search or leave it out."
                )
