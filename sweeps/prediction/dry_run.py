"""Look ahead: what a command would do and cost; and what of it a budget allows."""

from collections.abc import Callable
from dataclasses import replace

from sweeps.plan import SweepPlan, plan_sweep
from sweeps.prediction.choice import Choice, choose
from sweeps.prediction.preview import Measured, Preview, gpu_hours_of, preview
from sweeps.prediction.probe import probe
from sweeps.preflight.fit import fit_notices
from sweeps.request import Budget, SweepRequest
from sweeps.resources.machine import NOT_MEASURED, busy_notice, cpu_bytes, measuring_machine
from sweeps.resources.ray_session import running_ray
from sweeps.status.sweep import ACTIVE

Tell = Callable[[int, int], None]


def dry_run(request: SweepRequest, *, progress: Tell | None = None) -> Preview:
    """Return what a command would do; nothing is written.

    Args:
        request: with folders of this machine.
        progress: gets the number of kinds measured and of all.

    Raises:
        UserError: the sweep, the data set, the resources or the budget is wrong.
    """
    from simcvd.data.store import open_info

    budget, plan = request.budget, plan_sweep(request)
    info = open_info(request.dataset)
    machine = measuring_machine(request.resources) if budget.probe_steps else None
    if machine is None:
        choice = choose(plan.pending, budget, {})
        notices = [NOT_MEASURED] if budget.probe_steps else []
        fit = fit_notices(info, plan.configs)
        return replace(preview(plan, request, info, chosen=choice.ids), notices=(*notices, *choice.notices, *fit))

    budget.check(machine.placement)
    active = {row.planned.id for row in plan.state.rows if row.trial.state in ACTIVE}
    configs = [trial.config for trial in plan.pending[: budget.max_trials] if trial.id not in active]
    busy, joined = busy_notice(machine.placement), running_ray(request.resources.address)
    costs = probe(
        configs,
        request.dataset,
        machine.placement,
        machine.own_slots,
        steps=budget.probe_steps,
        progress=progress,
    )
    # On another Ray the command itself measures nothing, and only stops when the hours are used up.
    hours = {} if joined else gpu_hours_of(plan.pending, plan, info, costs, machine.placement)
    choice = choose(plan.pending, budget, hours)
    measured = Measured(costs, machine.placement, machine.slots, "the cluster's" if joined else "this machine's")
    ahead = preview(plan, request, info, chosen=choice.ids, measured=measured)
    fit = fit_notices(info, configs, cpu_bytes(machine.placement, machine.own_slots))
    return replace(ahead, notices=(*([busy] if busy else []), *choice.notices, *fit))


def afford(
    plan: SweepPlan, request: SweepRequest, tell: Callable[[str], None] = lambda sentence: None
) -> tuple[SweepPlan, Choice, Budget]:
    """Reduce a plan to what the request's budget allows, before anything starts.

    Args:
        plan: what is to run.
        request: with folders of this machine.
        tell: gets sentences for the user.

    Returns:
        The plan with fewer pending trials, what was chosen, and what is left of the budget.

    Raises:
        UserError: hours of GPU are limited where trials run on the CPU.
    """
    from simcvd.data.store import open_info

    budget, hours = request.budget, dict[str, float]()
    if budget.gpu_hours is not None and not running_ray(request.resources.address):  # nobody measures from here there
        machine = measuring_machine(request.resources)
        assert machine is not None  # no other Ray is joined
        budget.check(machine.placement)
        if budget.probe_steps:
            configs = plan.configs[: budget.max_trials]
            tell("Measuring a few steps of each kind of trial for --gpu-hours ...")
            costs = probe(configs, request.dataset, machine.placement, machine.slots, steps=budget.probe_steps)
            hours = gpu_hours_of(plan.pending, plan, open_info(request.dataset), costs, machine.placement)
            # Measuring took one GPU.
            budget = replace(budget, gpu_hours=max(0.0, budget.gpu_hours - costs.seconds / 3600))
    choice = choose(plan.pending, budget, hours)
    for notice in choice.notices:
        tell(notice)
    return replace(plan, pending=choice.trials), choice, budget
