"""A command's time with Ray: the scratch folder, Ray itself, who may run how much, and the way to stop."""

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.on_ray.attempts import alive_nodes, attempts_of
from sweeps.on_ray.board import open_bridge
from sweeps.on_ray.gpu_failures import newly_failed, no_node_left
from sweeps.on_ray.lost import LOST_WORKER_RETRIES
from sweeps.on_ray.stopping import NOTICES_FILE, StopReason, allow_running, request_stop, stop_reason
from sweeps.on_ray.trial import Job
from sweeps.preflight.checks import Subject, preflight
from sweeps.resources.late_nodes import unfit
from sweeps.resources.placement import check_machine, place
from sweeps.resources.ray_session import ray_is_running, ray_session, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.room import Room
from sweeps.resources.share import Placement
from sweeps.resources.versions import versions
from sweeps.show.progress import ProgressDisplay
from sweeps.status.lock import TrialBusyError, trial_lock
from sweeps.status.sweep import SweepReader
from sweeps.storage.data_cache import CachedData
from sweeps.storage.object_runs import ObjectRuns
from sweeps.trial.engine import Engine
from sweeps.trial.failure_kinds import DiskFullError, full_disk_told
from sweeps.trial.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Session:
    """A running Ray and what trials on it share.

    Attributes:
        job: what all trials share; its `configs` are filled in by whoever runs trials.
        room: tells how many trials fit side by side.
        stopped: tells whether the command was asked to end or its time is over.
        console: where to show progress.
        settle: makes sure that all that trials have said is known.
    """

    job: Job
    room: Room
    stopped: Callable[[], bool]
    console: "Console"
    settle: Callable[[], None] = lambda: None

    def run(
        self,
        reader: SweepReader,
        trainable: Callable[..., Any],
        job: Job,
        *,
        extra: Mapping[str, Any] | None = None,
        **tuning: Any,
    ) -> dict[str, str]:
        """Let Tune run trials and show how far they are; return those that were lost too often, with the reason.

        Args:
            reader: reads what is shown.
            trainable: `run_trial` or one with its signature.
            job: what its trials share: the session's, with configurations.
            extra: more parameters of `trainable`, shared by all its trials.
            tuning: `trial_ids` for a list of trials, or `search_alg` and `samples` for a searcher that makes them.

        Raises:
            UnfitNodeError: a node joined that trials can't run on; others went on where they were.
        """
        told: set[str] = set()

        def tick() -> None:
            reader.slots = self.room()
            if self.stopped() and stop_reason(job.scratch) is None:
                request_stop(job.scratch, StopReason.asked)
                say(self.console, "Stopping: running trials write a checkpoint; Ctrl-C again leaves at once.")
            for sentence in newly_failed(job.scratch, told):
                say(self.console, sentence)

        # A searcher draws a setting for each trial that asks for a place, so none asks before there is one.
        limit = self.room.limit if "trial_ids" in tuning else self.room()
        with ProgressDisplay(reader, self.console, job.scratch / NOTICES_FILE, tick):
            noted: dict[str, int] = {}
            lost = _tune(trainable, job, limit, extra or {}, **tuning)
            self.settle()
            while "trial_ids" in tuning and not self.stopped() and (again := _unlucky(lost, job, noted)):
                say(self.console, f"{len(again)} trial(s) lost their nodes again and again; they go on elsewhere.")
                kept = {trial_id: reason for trial_id, reason in lost.items() if trial_id not in again}
                lost = kept | _tune(trainable, job, limit, extra or {}, **{**tuning, "trial_ids": again})
                self.settle()
        if error := unfit(lost.values()):
            raise error
        return lost


@contextmanager
def open_session(
    folder: Path,
    dataset: Path,
    runs: Path,
    *,
    request: ResourceRequest,
    console: "Console",
    hang_timeout_s: float | None = HANG_TIMEOUT_S,
    retry_failed: bool = False,
    deadline: float | None = None,
    engine: Engine | None = None,
    configs: Sequence[TrialConfig] = (),
    with_test: bool = True,
    recorded: Mapping[str, int] | None = None,
    data: CachedData | None = None,
    remote: ObjectRuns | None = None,
) -> Iterator[Session]:
    """Start or join Ray, check that trials can run, and hand out what they need; the caller holds the sweep's lock.

    Args:
        folder: the sweep's folder.
        dataset: data set folder.
        runs: runs folder.
        request: resources.
        console: where to show progress.
        hang_timeout_s: start a trial again that gives no sign of life for so long; none waits for ever.
        retry_failed: start failed trials anew.
        deadline: when to stop, in seconds since the epoch.
        engine: what trains and scores, in place of `simcvd.training`.
        configs: settings of the trials to come, for the disk that they need.
        with_test: whether test cases will be scored.
        recorded: how many trials of the sweep with `training.precision=auto` ran before, by what they ran in.
        data: the data set, where each node copies it to its own disk.
        remote: the runs folder, where it is in an object store and `runs` is this machine's image of it.

    Raises:
        UserError: Ray can't be had, the preflight found an obstacle, or trials stopped for want of room.
    """
    from simcvd.training.interruption import stop_on_signals

    check_machine(request)
    scratch = _new_scratch(folder)
    joins = ray_is_running() or running_ray(request.address) is not None
    if not ray_is_running():
        say(console, "Joining Ray ..." if joins else "Starting Ray ...")
    try:
        with ray_session(request.address), ExitStack() as held:
            import ray

            nodes = ray.nodes()  # type: ignore[no-untyped-call]
            placement, slots = place(request, nodes)
            subject = Subject(dataset, runs, configs, with_test, engine is None, data, remote, recorded or {})
            found = preflight(subject, placement, slots, nodes)
            for notice in found.notices:
                say(console, notice)
            bridge = held.enter_context(open_bridge(scratch)) if remote is not None else None
            job = Job(
                {},
                dataset,
                runs,
                scratch,
                placement,
                retry_failed,
                deadline,
                engine,
                hang_timeout_s=hang_timeout_s,
                data=data,
                remote=remote,
                board=bridge.channel if bridge else None,
                versions=versions() if joins else None,
                precision=found.precision,
                newcomers=found.newcomers if joins else None,
            )
            with stop_on_signals() as asked_to_stop:

                def stopped() -> bool:
                    over = deadline is not None and time.time() > deadline
                    return over or asked_to_stop() or stop_reason(scratch) is not None

                with full_disk_told(runs):
                    settle = bridge.exchange if bridge else lambda: None
                    yield Session(job, Room(request, slots, grows=joins), stopped, console, settle)
                if stop_reason(scratch) is StopReason.disk_full:
                    raise DiskFullError.of(runs)
                if stop_reason(scratch) is StopReason.gpus_failed:
                    raise no_node_left(scratch)
    finally:
        shutil.rmtree(scratch.parent, ignore_errors=True)


@contextmanager
def sweep_lock(folder: Path) -> Iterator[None]:
    """Hold a sweep alone.

    Raises:
        UserError: another command runs it.
    """
    try:
        with trial_lock(folder, wait_s=3):
            yield
    except TrialBusyError as error:
        raise UserError(
            f"The sweep {folder.name} is being run by another command; wait for it to end, or stop it."
        ) from error


def say(console: "Console", text: str) -> None:
    """Print a sentence as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _tune(
    trainable: Callable[..., Any],
    job: Job,
    limit: int | None,
    extra: Mapping[str, Any],
    *,
    trial_ids: list[str] | None = None,
    search_alg: Any = None,
    samples: int = 1,
) -> dict[str, str]:
    from ray import tune
    from ray.exceptions import RayError
    from ray.tune import TuneError

    resources = _tune_resources(job.placement)
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(trainable, job=job, **extra), resources),
        param_space={"trial_id": tune.grid_search(trial_ids)} if trial_ids is not None else {},
        tune_config=tune.TuneConfig(
            search_alg=search_alg,
            num_samples=samples,
            max_concurrent_trials=limit,
            reuse_actors=job.placement.workers == 1,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=f"tune-{len(list(job.scratch.glob('tune-*')))}",
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
    return {_id(r.config): str(r.error) for r in results if r.error is not None and r.config is not None}


def _unlucky(lost: Mapping[str, str], job: Job, noted: dict[str, int]) -> list[str]:
    """Return the lost trials that were not lost by themselves too often, and got as far as to begin.

    Args:
        lost: reasons by trial.
        job: what they share.
        noted: attempts of each trial that were known before; filled.
    """
    if unfit(lost.values()):
        return []
    alive, again = alive_nodes(), []
    for trial_id in lost:
        attempts = attempts_of(job.scratch, trial_id, alive)
        if attempts.begun > noted.get(trial_id, 0) and attempts.own_losses <= LOST_WORKER_RETRIES:
            again.append(trial_id)
        noted[trial_id] = attempts.begun
    return again


def _tune_resources(placement: Placement) -> Any:
    from ray import tune

    if placement.workers == 1:
        return {"CPU": placement.cpus} | ({"GPU": placement.gpus} if placement.gpus else {})
    # The driver of a group only waits; a CPU for it would be missing to the workers.
    return tune.PlacementGroupFactory([{"node:__internal_head__": 0.001}])


def _trial_name(trial: Any) -> str:
    return _id(trial.config)


def _id(config: Mapping[str, Any]) -> str:
    return str(config["trial_id"])


def _new_scratch(folder: Path) -> Path:
    """Return an empty folder for this command; what killed ones left behind is deleted, since the sweep is locked."""
    shutil.rmtree(folder / "ray", ignore_errors=True)
    scratch = folder / "ray" / f"{socket.gethostname()}-{getpid()}"
    scratch.mkdir(parents=True)
    allow_running(scratch)
    return scratch
