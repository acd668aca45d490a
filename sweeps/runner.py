"""Run a sweep: plan it, start Ray, let Tune run what is not finished, and say what came out."""

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.runs.sweep import sweep_file
from sweeps.average_mask import keep_average_mask
from sweeps.gpu_meter import metered
from sweeps.on_ray.job import TrialConfigs
from sweeps.on_ray.lost import record_lost
from sweeps.on_ray.trial import run_trial
from sweeps.plan import SweepPlan, here, plan_sweep, write_resolved
from sweeps.prediction.dry_run import afford
from sweeps.preflight.checks import Subject
from sweeps.request import SweepRequest
from sweeps.resources.placement import check_machine
from sweeps.session import Session, open_session, say, tidy_up
from sweeps.status.sweep import SweepState
from sweeps.tracking.process import followed
from sweeps.trial.engine import Engine
from sweeps.trial.failure_kinds import storage_told

if TYPE_CHECKING:
    from rich.console import Console

    from analysis.ending.caution import Asked


@dataclass(frozen=True)
class SweepOutcome:
    """How a sweep ended.

    Attributes:
        name: the sweep's name.
        state: the trials as they are now.
        ran: how many trials this command ran or continued.
        interrupted: it was asked to stop, or its time was over.
        seconds: wall time.
        left_out: trials that its budget left for another command.
    """

    name: str
    state: SweepState
    ran: int
    interrupted: bool
    seconds: float
    left_out: int = 0

    @property
    def exit_code(self) -> int:
        """0 all finished, 1 some failed or are run elsewhere, 130 interrupted."""
        if all(row.over and row.trial.state != "failed" for row in self.state.rows):
            return 0
        return 130 if self.interrupted or self.left_out else 1


def run_sweep(request: SweepRequest, *, console: "Console | None" = None, engine: Engine | None = None) -> SweepOutcome:
    """Run what is not finished of a sweep and write its tables; the same call again continues where this one ended.

    Args:
        request: what is asked for.
        console: where to show progress and the verdict.
        engine: what trains and scores, in place of `simcvd.training`.

    Raises:
        UserError: something must be changed first; said before anything starts, but for a disk that gets full.
    """
    from rich.console import Console

    started = time.time()
    console = console or Console()

    def tell(text: str) -> None:
        say(console, text)

    asked, (request, storage) = request, here(request, tell)
    runs = request.runs
    plan, choice, budget = afford(plan_sweep(request), request, tell)
    if plan.pending:
        check_machine(request.resources)  # before anything is written
    measure_mask = partial(
        keep_average_mask, runs, plan.name, request.dataset, plan.variants, with_test=request.with_test
    )
    with storage_told(runs), storage.held(plan.name, tell) as pull:
        tidy_up(runs, plan.name, (row.planned.id for row in plan.state.rows if row.trial.state == "finished"))
        if write_resolved(request, plan.variants):
            shown = sweep_file(request.runs, plan.name)
            tell(f"{shown} named other trials before; they stay, and their command shows them again.")
        interrupted, slots = False, None
        follow = followed(runs, plan.name, request.trackers, tell)
        if plan.pending:
            data = storage.data(asked.dataset, request.dataset, tell)
            recorded = plan.recorded(runs)
            subject = Subject(data, storage, plan.configs, with_test=request.with_test, recorded=recorded)
            terms = request.terms(engine, None if budget.time_s is None else started + budget.time_s)
            measure_mask()  # before the trials: a report that is looked at while they run says STOP as well
            with open_session(plan.name, subject, request.resources, terms, console) as session, follow:
                session = metered(session, [trial.id for trial in plan.pending], budget)
                interrupted, slots = _run_pending(plan, runs, session), session.slots()
        else:
            with follow:  # for what an earlier command did not send
                pass
        pull()
        state = plan.reader(runs).read()
        if state.counts["finished"]:
            measure_mask()
            show_ending(runs, plan.name, console, asked_of(request, slots))
    seconds = time.time() - started
    return SweepOutcome(plan.name, state, len(plan.pending), interrupted, seconds, len(choice.left_out))


def _run_pending(plan: SweepPlan, runs: Path, session: Session) -> bool:
    """Run the pending trials; tell whether they were cut short."""
    job = replace(session.job, configs=TrialConfigs({trial.id: trial.config for trial in plan.pending}))
    reader = plan.reader(runs, session.slots())
    lost = session.run(reader, run_trial, job, trial_ids=list(job.configs))
    if session.stopped():
        return True
    for trial_id, reason in lost.items():
        record_lost(job, job.configs[trial_id], trial_id, reason)
    return False


def asked_of(request: SweepRequest, slots: int | None) -> "Asked":
    """Return what the command of a request can be told.

    Args:
        request: what was asked for.
        slots: trials that ran side by side; None where none ran.
    """
    from analysis.ending.caution import Asked

    return Asked(slots, None if request.is_stage else "--seeds")


def show_ending(runs: Path, name: str, console: "Console", asked: "Asked | None" = None) -> None:
    """Write a sweep's tables and its verdict, and print the verdict.

    Args:
        runs: the runs folder.
        name: the sweep's name.
        console: where to print it.
        asked: what the command can be told; None knows nothing of it.
    """
    from rich.text import Text

    from analysis.ending.caution import Asked
    from analysis.ending.show import ending_lines
    from analysis.ending.write import write_ending
    from analysis.errors import AnalysisError

    try:
        ending = write_ending(runs, name, asked or Asked())
    except AnalysisError as error:
        say(console, str(error))
        return
    # Not a string: among events, which have the verdict too, it goes where people look.
    console.print(Text("\n".join(ending_lines(ending, console.width))), soft_wrap=True)
