"""Run a sweep: plan it, start Ray, let Tune run what is not finished, and make the ablation table."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.definition.catalogue import SweepFile
from sweeps.definition.expand import all_trials
from sweeps.on_ray.lost import record_lost
from sweeps.on_ray.trial import run_trial
from sweeps.on_ray.trial_configs import TrialConfigs
from sweeps.plan import SweepPlan, plan_sweep, planned_reader, write_resolved
from sweeps.prediction.budget import Budget, metered
from sweeps.prediction.dry_run import afford
from sweeps.preflight.precision import recorded_precisions
from sweeps.resources.placement import check_machine
from sweeps.resources.request import ResourceRequest
from sweeps.session import Session, open_session, say, sweep_lock
from sweeps.status.sweep import SweepState
from sweeps.storage.data_cache import CachedData, local_dataset
from sweeps.storage.mirror import Mirror, bring
from sweeps.storage.object_runs import CACHE, ObjectRuns, object_runs
from sweeps.storage.store import url_in
from sweeps.storage.sweep_in_store import cached_from, data_for, running_in_store
from sweeps.trial.engine import Engine
from sweeps.trial.failure_kinds import full_disk_told
from sweeps.trial.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from rich.console import Console


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


def run_sweep(
    sweep: SweepFile,
    dataset: Path,
    runs: Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    label_splits: Sequence[int] | None = None,
    preset: str | None = None,
    retry_failed: bool = False,
    request: ResourceRequest | None = None,
    time_budget_s: float | None = None,
    budget: Budget | None = None,
    console: "Console | None" = None,
    engine: Engine | None = None,
    hang_timeout_s: float | None = HANG_TIMEOUT_S,
    cache: Path | None = None,
) -> SweepOutcome:
    """Run what is not finished of a sweep and write its table; the same call again continues where this one ended.

    Args:
        sweep: the sweep file.
        dataset: data set folder.
        runs: runs folder, or the URL of one in an object store as a path.
        overrides: dotted settings for all variants.
        seeds: taken in place of the sweep's own.
        label_splits: taken in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
        retry_failed: start failed trials anew.
        request: resources; none: one worker a trial on this machine.
        time_budget_s: seconds after which running trials write a checkpoint and no more start.
        budget: trials and hours of GPU that the command may use.
        console: where to show progress and the table.
        engine: what trains and scores, in place of `simcvd.training`.
        hang_timeout_s: start a trial again that gives no sign of life for so long; none waits for ever.
        cache: folder on each node's own disk that data sets are copied to; none reads them in place, unless `runs` or
            `dataset` is in an object store.

    Raises:
        UserError: something must be changed first; said before anything starts, but for a disk that gets full.
    """
    from rich.console import Console

    started = time.time()
    console = console or Console()
    request = request or ResourceRequest()
    given, remote = dataset, object_runs(runs, cache)
    if url_in(dataset):
        cache = cache or CACHE
    dataset = local_dataset(dataset, cache or CACHE, lambda text: say(console, text)).resolve()
    runs = runs.resolve() if remote is None else remote.mirror
    if remote is not None:
        bring(remote, sweep.name)
    plan = plan_sweep(
        sweep,
        dataset,
        runs,
        overrides=overrides,
        seeds=seeds,
        label_splits=label_splits,
        preset=preset,
        retry_failed=retry_failed,
        request=request,
    )
    plan, choice, budget = afford(plan, dataset, request, budget or Budget(), tell=lambda text: say(console, text))
    if plan.pending:
        check_machine(request)  # before anything is written
    folder = runs / "sweeps" / sweep.name
    with full_disk_told(runs), sweep_lock(folder), _in_store(remote, sweep.name, console) as mirror:
        if write_resolved(folder, sweep, plan.variants, dataset, overrides):
            say(
                console,
                f"{folder / 'sweep.yaml'} named other trials before; they stay, and their command shows them again.",
            )
        interrupted = False
        if plan.pending:
            data = _data(given, dataset, remote, cache, console)
            deadline = None if time_budget_s is None else started + time_budget_s
            with open_session(
                folder,
                dataset,
                runs,
                request=request,
                console=console,
                hang_timeout_s=hang_timeout_s,
                retry_failed=retry_failed,
                deadline=deadline,
                engine=engine,
                configs=[trial.config for trial in plan.pending],
                recorded=recorded_precisions(runs, {t.id: t.config for t in all_trials(plan.variants)}),
                data=data,
                remote=remote,
            ) as session:
                session = metered(session, [trial.id for trial in plan.pending], budget)
                interrupted = _run_pending(plan, runs, session)
        if mirror is not None:
            mirror.pull()
            say(console, f"All of it is in {mirror.url}; what is shown here is read from {runs}.")
        state = planned_reader(sweep.name, runs, plan.variants).read()
        if state.counts["finished"]:
            show_table(runs, sweep.name, console)
    seconds = time.time() - started
    return SweepOutcome(sweep.name, state, len(plan.pending), interrupted, seconds, len(choice.left_out))


def _in_store(remote: ObjectRuns | None, name: str, console: "Console") -> AbstractContextManager[Mirror | None]:
    if remote is None:
        return nullcontext()
    return running_in_store(remote, name, lambda text: say(console, text))


def _data(
    given: Path, dataset: Path, remote: ObjectRuns | None, cache: Path | None, console: "Console"
) -> CachedData | None:
    from simcvd.data.store import open_info

    digest = open_info(dataset).digest
    if remote is not None and url_in(given) is None:
        return data_for(dataset, digest, remote, lambda text: say(console, text))
    return cached_from(given, dataset, digest, remote.cache if remote is not None else cache)


def _run_pending(plan: SweepPlan, runs: Path, session: Session) -> bool:
    """Run the pending trials; tell whether they were cut short."""
    job = replace(session.job, configs=TrialConfigs({trial.id: trial.config for trial in plan.pending}))
    reader = planned_reader(plan.name, runs, plan.variants, session.room())
    lost = session.run(reader, run_trial, job, trial_ids=list(job.configs))
    if session.stopped():
        return True
    for trial_id, reason in lost.items():
        record_lost(job, job.configs[trial_id], trial_id, reason)
    return False


def show_table(runs: Path, name: str, console: "Console") -> None:
    """Write a sweep's tables and print the main one."""
    from analysis.errors import AnalysisError
    from analysis.tables import render_terminal, write_tables
    from sweeps.show.events import EventConsole

    try:
        written = write_tables(runs, name)
    except AnalysisError as error:
        say(console, str(error))
        return
    console.print(render_terminal(written.table, console.width))
    if isinstance(console, EventConsole):
        return  # its last event names the files
    say(console, f"{written.markdown}\n{written.csv}")
    if tables := [file.name for file in written.others if file.suffix == ".md"]:
        say(console, f"One table a metric, with differences, beside them: {', '.join(tables)}")
