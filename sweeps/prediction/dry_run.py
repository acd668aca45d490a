"""Look ahead: what a command would do and cost; and what of it a budget allows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweeps.definition.catalogue import SweepFile
from sweeps.plan import SweepPlan, plan_sweep
from sweeps.prediction.budget import Budget, Choice, choose
from sweeps.prediction.preview import Preview, gpu_hours_of, preview
from sweeps.prediction.probe import probe
from sweeps.prediction.table_rows import headings_of
from sweeps.resources.machine import busy_notice, local_placement
from sweeps.resources.request import ResourceRequest
from sweeps.status.sweep import ACTIVE

Tell = Callable[[int, int], None]


def dry_run(
    sweep: SweepFile,
    dataset: Path,
    runs: Path,
    *,
    request: ResourceRequest,
    budget: Budget | None = None,
    progress: Tell | None = None,
    retry_failed: bool = False,
    **given: Any,
) -> tuple[Preview, tuple[str, ...]]:
    """Return what a command would do, and a sentence for each thing that its budget leaves out; nothing is written.

    Args:
        sweep: the sweep file.
        dataset: data set folder.
        runs: runs folder.
        request: resources.
        budget: what the command may use.
        progress: gets the number of kinds measured and of all.
        retry_failed: failed trials are to run again.
        given: `overrides`, `seeds`, `label_splits` and `preset` of the command.

    Raises:
        UserError: the sweep, the data set, the request or the budget is wrong.
    """
    from simcvd.data.store import open_info

    budget = budget or Budget()
    plan = plan_sweep(sweep, dataset, runs, retry_failed=retry_failed, request=request, **given)
    info = open_info(dataset)
    given["preset"] = given.get("preset") or info.preset
    headings = headings_of(sweep, plan.variants, info.digest, **given)
    if not budget.probe_steps:
        choice = choose(plan.pending, budget, {})
        chosen = {trial.id for trial in choice.trials}
        return preview(plan, sweep, runs, info, headings, chosen=chosen), choice.notices

    placement, slots = local_placement(request)
    budget.check(placement)
    active = {row.planned.id for row in plan.state.rows if row.trial.state in ACTIVE}
    configs = [trial.config for trial in plan.pending[: budget.max_trials] if trial.id not in active]
    busy = busy_notice(placement)
    costs = probe(configs, dataset, placement, slots, steps=budget.probe_steps, progress=progress)
    choice = choose(plan.pending, budget, gpu_hours_of(plan.pending, plan, info, costs, placement))
    chosen = {trial.id for trial in choice.trials}
    ahead = preview(plan, sweep, runs, info, headings, chosen=chosen, costs=costs, placement=placement, slots=slots)
    return ahead, (*([busy] if busy else []), *choice.notices)


def afford(
    plan: SweepPlan,
    dataset: Path,
    request: ResourceRequest,
    budget: Budget,
    *,
    tell: Callable[[str], None] = lambda sentence: None,
) -> tuple[SweepPlan, Choice, Budget]:
    """Reduce a plan to what a budget allows, before anything starts.

    Args:
        plan: what is to run.
        dataset: data set folder.
        request: resources.
        budget: what the command may use.
        tell: gets sentences for the user.

    Returns:
        The plan with fewer pending trials, what was chosen, and what is left of the budget.

    Raises:
        UserError: hours of GPU are limited where trials run on the CPU.
    """
    from simcvd.data.store import open_info

    hours: Mapping[str, float] = {}
    if budget.gpu_hours is not None and not _elsewhere(request):
        placement, slots = local_placement(request)
        budget.check(placement)
        if budget.probe_steps:
            configs = [trial.config for trial in _first(plan, budget)]
            tell("Measuring a few steps of each kind of trial for --gpu-hours ...")
            costs = probe(configs, dataset, placement, slots, steps=budget.probe_steps)
            hours = gpu_hours_of(plan.pending, plan, open_info(dataset), costs, placement)
            # Measuring took one GPU.
            budget = replace(budget, gpu_hours=max(0.0, budget.gpu_hours - costs.seconds / 3600))
    choice = choose(plan.pending, budget, hours)
    for notice in choice.notices:
        tell(notice)
    return replace(plan, pending=choice.trials), choice, budget


def _first(plan: SweepPlan, budget: Budget) -> Sequence[Any]:
    return plan.pending[: budget.max_trials]


def _elsewhere(request: ResourceRequest) -> bool:
    """Tell whether trials run on machines of another Ray, which can't be measured from here."""
    from sweeps.resources.ray_session import running_ray

    return bool(running_ray(request.address))
