"""A command's time with Ray: the scratch folder, Ray itself, who may run how much, and the way to stop."""

import shutil
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcvd.errors import UserError
from simcvd.files import forget_partials
from sweeps.channel.channel import StopReason
from sweeps.channel.folder_channel import FolderChannel
from sweeps.on_ray.gpu_failures import newly_failed, no_node_left
from sweeps.on_ray.job import Job
from sweeps.on_ray.node_loss import LOST_WORKER_RETRIES, unlucky
from sweeps.preflight.checks import Subject, preflight
from sweeps.resources.late_nodes import unfit
from sweeps.resources.nodes import alive_nodes
from sweeps.resources.placement import check_machine, place
from sweeps.resources.ray_session import ray_is_running, ray_session, running_ray
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.resources.slots import Slots
from sweeps.resources.versions import versions
from sweeps.show.progress import ProgressDisplay
from sweeps.show.waiting import waiting
from sweeps.status.sweep import SweepReader
from sweeps.trial import execute
from sweeps.trial.failure_kinds import DiskFullError, storage_told
from sweeps.trial.terms import Terms

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Session:
    """A running Ray and what trials on it share.

    Attributes:
        job: what all trials share; its `configs` are filled in by whoever runs trials.
        slots: tells how many trials fit side by side.
        stopped: tells whether the command was asked to end or its time is over.
        console: where to show progress.
    """

    job: Job
    slots: Slots
    stopped: Callable[[], bool]
    console: "Console"

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
        channel, told = FolderChannel(job.scratch), set[str]()

        def tick() -> None:
            reader.slots = self.slots()
            if self.stopped() and channel.stop_reason() is None:
                channel.request_stop(StopReason.asked)
                say(self.console, "Stopping: running trials write a checkpoint; Ctrl-C again leaves at once.")
            for sentence in newly_failed(channel, told):
                say(self.console, sentence)

        # A searcher draws a setting for each trial that asks for a slot, so none asks before there is one.
        limit = self.slots.limit if "trial_ids" in tuning else self.slots()
        with ProgressDisplay(reader, self.console, channel.notices, tick):
            noted: dict[str, int] = {}
            lost = _tune(trainable, job, limit, extra or {}, **tuning)
            while "trial_ids" in tuning and not self.stopped():
                again = unlucky(lost, channel, alive_nodes(), noted)
                if not again:
                    break
                say(self.console, f"{len(again)} trial(s) lost their nodes again and again; they go on elsewhere.")
                kept = {trial_id: reason for trial_id, reason in lost.items() if trial_id not in again}
                lost = kept | _tune(trainable, job, limit, extra or {}, **{**tuning, "trial_ids": again})
        if error := unfit(lost.values()):
            raise error
        return lost


@contextmanager
def open_session(
    name: str, subject: Subject, request: ResourceRequest, terms: Terms, console: "Console"
) -> Iterator[Session]:
    """Start or join Ray, check that trials can run, and hand out what they need; the caller holds the sweep's lock.

    Args:
        name: the sweep's name.
        subject: what is to run, and where.
        request: resources.
        terms: what is wanted of each trial.
        console: where to show progress.

    Raises:
        UserError: Ray can't be had, the preflight found an obstacle, or trials stopped for want of room.
    """
    from simcvd.training.interruption import stop_on_signals

    check_machine(request)
    storage = subject.storage
    own = _new_channel(storage.folder / "sweeps" / name)
    joins = ray_is_running() or running_ray(request.address) is not None
    try:
        with told_ray(request.address, console):
            import ray

            nodes = ray.nodes()  # type: ignore[no-untyped-call]
            placement, slots = place(request, nodes)
            with waiting(console, "Checking machines, data and disk"):
                found = preflight(replace(subject, sized=terms.engine is None), placement, slots, nodes)
            for notice in found.notices:
                say(console, notice)
            with storage.channel(own) as channel, stop_on_signals() as asked_to_stop:
                job = Job(
                    {},
                    subject.data,
                    storage,
                    channel,
                    own.scratch,
                    placement,
                    terms,
                    precision=found.precision,
                    versions=versions() if joins else None,
                    newcomers=found.newcomers if joins else None,
                )

                def stopped() -> bool:
                    over = terms.deadline is not None and time.time() > terms.deadline
                    return over or asked_to_stop() or own.stop_reason() is not None

                with storage_told(storage.folder):
                    yield Session(job, Slots(request, slots, grows=joins), stopped, console)
                if own.stop_reason() is StopReason.disk_full:
                    raise DiskFullError.of(storage.folder)
                if own.stop_reason() is StopReason.gpus_failed:
                    raise no_node_left(own)
    finally:
        shutil.rmtree(own.scratch.parent, ignore_errors=True)


@contextmanager
def told_ray(address: str | None, console: "Console") -> Iterator[None]:
    """Use the Ray that is there, or join or start one and say so while that lasts, as by `ray_session`."""
    if ray_is_running():
        with ray_session(address):
            yield
        return
    what = "Joining Ray" if running_ray(address) else "Starting Ray on this machine"
    with ExitStack() as held:
        with waiting(console, what, over="Ray is up"):
            held.enter_context(ray_session(address))
        yield


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
    return _lost(grid, trial_ids or ())


def _lost(grid: Any, asked: Collection[str]) -> dict[str, str]:
    """Return the trials that ended without a report, with Ray's reason, which may be empty.

    Ray tells the settings only of a trial whose process began; the folder that it made for it is named by its id.
    """
    found = {Path(result.path).name: result for result in (grid[index] for index in range(len(grid)))}
    lost = dict.fromkeys((trial_id for trial_id in asked if trial_id not in found), "")
    for trial_id, result in found.items():
        if result.error is not None or "state" not in (result.metrics or {}):
            lost[trial_id] = "" if result.error is None else str(result.error)
    return lost


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


def tidy_up(runs: Path, name: str, trial_ids: Iterable[str]) -> None:
    """Delete what killed commands have left of a sweep, which the caller has locked.

    Args:
        runs: the runs folder.
        name: the sweep's name.
        trial_ids: its trials that are over.
    """
    folder = runs / "sweeps" / name
    shutil.rmtree(folder / "ray", ignore_errors=True)
    forget_partials(folder)
    execute.tidy_up(runs, trial_ids)


def _new_channel(folder: Path) -> FolderChannel:
    """Return a channel in an empty folder; what killed commands left is deleted, since the sweep is locked."""
    shutil.rmtree(folder / "ray", ignore_errors=True)
    channel = FolderChannel(folder / "ray" / f"{socket.gethostname()}-{getpid()}")
    channel.scratch.mkdir(parents=True)
    channel.open()
    return channel
