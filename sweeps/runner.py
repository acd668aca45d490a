"""Run a sweep: plan it, start Ray, let Tune run what is not finished, and make the ablation table."""

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcvd.errors import UserError
from sweeps.definition import SweepFile
from sweeps.execute import Engine, record_failure
from sweeps.plan import SweepPlan, plan_sweep, planned_reader, write_resolved
from sweeps.preflight import ResourceRequest, place
from sweeps.progress import ProgressDisplay
from sweeps.ray_session import ray_is_running, ray_session
from sweeps.status import SweepState
from sweeps.trial import NOTICES_FILE, STOP_FILE, Job, Placement, run_trial
from sweeps.trial_state import TrialBusyError, read_result, trial_lock

if TYPE_CHECKING:
    from rich.console import Console

LOST_WORKER_RETRIES = 2


@dataclass(frozen=True)
class SweepOutcome:
    """How a sweep ended.

    Attributes:
        name: the sweep's name.
        state: the trials as they are now.
        ran: how many trials this command ran or continued.
        interrupted: it was asked to stop, or its time was over.
        seconds: wall time.
    """

    name: str
    state: SweepState
    ran: int
    interrupted: bool
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 all finished, 1 some failed or are run elsewhere, 130 interrupted."""
        counts = self.state.counts
        if counts["finished"] == len(self.state.rows):
            return 0
        return 130 if self.interrupted else 1


def run_sweep(
    sweep: SweepFile,
    dataset: Path,
    runs: Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    preset: str | None = None,
    retry_failed: bool = False,
    request: ResourceRequest | None = None,
    time_budget_s: float | None = None,
    console: "Console | None" = None,
    engine: Engine | None = None,
) -> SweepOutcome:
    """Run what is not finished of a sweep and write its table; the same call again continues where this one ended.

    Args:
        sweep: the sweep file.
        dataset: data set folder.
        runs: runs folder.
        overrides: dotted settings for all variants.
        seeds: taken in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
        retry_failed: start failed trials anew.
        request: resources; none: one worker a trial on this machine.
        time_budget_s: seconds after which running trials write a checkpoint and no more start.
        console: where to show progress and the table.
        engine: what trains and scores, in place of `simcvd.training`.

    Raises:
        UserError: something must be changed first; said before anything starts.
    """
    from rich.console import Console

    started = time.time()
    console = console or Console()
    request = request or ResourceRequest()
    dataset, runs = dataset.resolve(), runs.resolve()
    plan = plan_sweep(
        sweep,
        dataset,
        runs,
        overrides=overrides,
        seeds=seeds,
        preset=preset,
        retry_failed=retry_failed,
        request=request,
    )
    folder = runs / "sweeps" / sweep.name
    with _sweep_lock(folder):
        if write_resolved(folder, sweep, plan.variants, dataset, overrides):
            _say(
                console,
                f"{folder / 'sweep.yaml'} named other trials before; they stay, and their command shows them again.",
            )
        interrupted = False
        if plan.pending:
            deadline = None if time_budget_s is None else started + time_budget_s
            interrupted = _run_pending(plan, dataset, runs, folder, request, retry_failed, deadline, console, engine)
        state = planned_reader(sweep.name, runs, plan.variants).read()
        if state.counts["finished"]:
            _show_table(runs, sweep.name, console)
    return SweepOutcome(sweep.name, state, len(plan.pending), interrupted, time.time() - started)


def _run_pending(
    plan: SweepPlan,
    dataset: Path,
    runs: Path,
    folder: Path,
    request: ResourceRequest,
    retry_failed: bool,
    deadline: float | None,
    console: "Console",
    engine: Engine | None,
) -> bool:
    """Run the pending trials; tell whether they were cut short."""
    from simcvd.training.interruption import stop_on_signals

    scratch = _new_scratch(folder)
    if not ray_is_running():
        _say(console, "Starting Ray ...")
    try:
        with ray_session(request.address):
            import ray

            placement, slots = place(request, ray.nodes())  # type: ignore[no-untyped-call]
            job = Job(
                configs={trial.id: trial.config for trial in plan.pending},
                dataset=dataset,
                runs=runs,
                scratch=scratch,
                placement=placement,
                retry_failed=retry_failed,
                deadline=deadline,
                engine=engine,
            )
            with stop_on_signals() as asked_to_stop:
                said: list[str] = []

                def pass_on_stop() -> None:
                    if asked_to_stop() and not said:
                        (scratch / STOP_FILE).touch()
                        said.append("Stopping: running trials write a checkpoint; Ctrl-C again leaves at once.")
                        _say(console, said[0])

                reader = planned_reader(plan.name, runs, plan.variants, slots)
                with ProgressDisplay(reader, console, scratch / NOTICES_FILE, pass_on_stop):
                    lost = _tune(job, slots)
                stopped = asked_to_stop() or (deadline is not None and time.time() > deadline)
            if not stopped:
                for trial_id, reason in lost.items():
                    _record_lost(job, trial_id, reason)
            return stopped
    finally:
        shutil.rmtree(scratch.parent, ignore_errors=True)


def _tune(job: Job, slots: int) -> dict[str, str]:
    """Let Tune run every trial of `job`; return those whose process was lost too often, with the reason."""
    from ray import tune
    from ray.exceptions import RayError
    from ray.tune import TuneError

    trainable = tune.with_resources(tune.with_parameters(run_trial, job=job), _tune_resources(job.placement))
    tuner = tune.Tuner(
        trainable,
        param_space={"trial_id": tune.grid_search(list(job.configs))},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=slots,
            reuse_actors=job.placement.workers == 1,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(job.scratch),
            failure_config=tune.FailureConfig(max_failures=LOST_WORKER_RETRIES),
            verbose=0,
        ),
    )
    try:
        grid = tuner.fit()
    except (RayError, TuneError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"Ray ended the sweep early ({reason}); run the same command again, it continues.") from error
    results = [grid[index] for index in range(len(grid))]
    return {str(r.config["trial_id"]): str(r.error) for r in results if r.error is not None and r.config is not None}


def _tune_resources(placement: Placement) -> Any:
    from ray import tune

    if placement.workers == 1:
        return {"CPU": placement.cpus} | ({"GPU": placement.gpus} if placement.gpus else {})
    # The driver of a group only waits; a CPU for it would be missing to the workers.
    return tune.PlacementGroupFactory([{"node:__internal_head__": 0.001}])


def _trial_name(trial: Any) -> str:
    return str(trial.config["trial_id"])


def _record_lost(job: Job, trial_id: str, reason: str) -> None:
    row = read_result(job.runs, trial_id)
    if row is not None and row["status"] != "interrupted":
        return
    last = reason.strip().splitlines()[-1] if reason.strip() else "no reason given"
    message = f"The process of this trial ended {LOST_WORKER_RETRIES + 1} times without a result; the last time: {last}"
    record_failure(job.configs[trial_id], job.dataset, job.runs, trial_id, "worker_lost", message)


@contextmanager
def _sweep_lock(folder: Path) -> Iterator[None]:
    try:
        with trial_lock(folder, wait_s=3):
            yield
    except TrialBusyError as error:
        raise UserError(
            f"The sweep {folder.name} is being run by another command; wait for it to end, or stop it."
        ) from error


def _new_scratch(folder: Path) -> Path:
    """Return an empty folder for this command; what killed ones left behind is deleted, since the sweep is locked."""
    shutil.rmtree(folder / "ray", ignore_errors=True)
    scratch = folder / "ray" / f"{socket.gethostname()}-{os.getpid()}"
    scratch.mkdir(parents=True)
    return scratch


def _show_table(runs: Path, name: str, console: "Console") -> None:
    from analysis.errors import AnalysisError
    from analysis.tables import render_terminal, write_tables

    try:
        written = write_tables(runs, name)
    except AnalysisError as error:
        _say(console, str(error))
        return
    console.print(render_terminal(written.table, console.width))
    _say(console, f"{written.markdown}\n{written.csv}")
    if tables := [file.name for file in written.others if file.suffix == ".md"]:
        _say(console, f"One table a metric, with differences, beside them: {', '.join(tables)}")


def _say(console: "Console", text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
