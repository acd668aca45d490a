"""The Ray side of a trial: what Tune calls, and what a worker does around the loop."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simcvd.config import TrialConfig
from simcvd.device_errors import gpu_fault
from simcvd.errors import UserError
from sweeps.on_ray.attempts import Lifeline, NodeLeavingError, alive_nodes, this_node
from sweeps.on_ray.channel import Channel, FolderChannel
from sweeps.on_ray.gpu_failures import gpu_failure_noted
from sweeps.on_ray.stopping import StopReason
from sweeps.on_ray.trial_device import free_memory, trial_device
from sweeps.on_ray.workers import on_other_node, room_without, torch_trainer
from sweeps.resources.late_nodes import UnfitNodeError, check_node
from sweeps.resources.share import Placement
from sweeps.status.lock import TrialBusyError, trial_lock
from sweeps.status.trial import read_result, trial_folder
from sweeps.storage.data_cache import CachedData, StoppedError
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import StoreError
from sweeps.storage.trial_files import TrialFiles, recorded_result, trial_files
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.failure_kinds import DiskFullError, failure_kind, full_disk_told
from sweeps.trial.records import TrialStatus, record_failure
from sweeps.trial.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from simcvd.training.interruption import Judge
    from sweeps.preflight.newcomer import Newcomers


@dataclass(frozen=True)
class Job:
    """What all trials of one command share.

    Attributes:
        configs: settings by trial id.
        dataset: data set folder, absolute.
        runs: runs folder, absolute, seen by every node; of one in an object store, the command's own image.
        scratch: folder of this command: Ray's files, the stop file and notices.
        placement: resources of a worker.
        retry_failed: start failed trials anew.
        deadline: when to stop, in seconds since the epoch.
        engine: what trains and scores, in place of `simcvd.training`.
        test: score the test cases of each trial.
        judge: may end a training early.
        hang_timeout_s: end the process of a trial that gives no sign of life for so long; none waits for ever.
        data: the data set, where each node copies it to its own disk.
        remote: the runs folder, where it is in an object store.
        board: how trials talk to the command where they share no folder.
        versions: on the command's machine, where nodes may join that its preflight has not seen.
        precision: what `training.precision=auto` is for all of them; none where each asks its device.
        newcomers: what a node's devices must be that joins later; none where no node can.
    """

    configs: Mapping[str, TrialConfig]
    dataset: Path
    runs: Path
    scratch: Path
    placement: Placement
    retry_failed: bool = False
    deadline: float | None = None
    engine: Engine | None = None
    test: bool = True
    judge: "Judge | None" = None
    hang_timeout_s: float | None = HANG_TIMEOUT_S
    data: CachedData | None = None
    remote: ObjectRuns | None = None
    board: Channel | None = None
    versions: Mapping[str, str] | None = None
    precision: Literal["bfloat16", "float32"] | None = None
    newcomers: "Newcomers | None" = None

    @property
    def channel(self) -> Channel:
        """How trials and the command talk to each other."""
        return self.board or FolderChannel(self.scratch)

    @property
    def over(self) -> frozenset[str]:
        """The states of a trial that has all that this command wants of it."""
        validated = frozenset() if self.test else frozenset({"validated"})
        stopped = frozenset() if self.judge is None else frozenset({"stopped"})
        return frozenset({"finished"}) | validated | stopped

    @property
    def disk(self) -> Path:
        """Where trials write, on the node that asks."""
        return self.runs if self.remote is None else self.remote.cache.expanduser()


class StopRequest:
    """Tell whether the command was asked to end or its time is over; looks at most once a second."""

    def __init__(self, job: Job) -> None:
        self._channel = job.channel
        self._deadline = job.deadline
        self._look_after = 0.0
        self._stop = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        now = time.time()
        if not self._stop and now >= self._look_after:
            self._look_after = now + 1
            over = self._deadline is not None and now > self._deadline
            self._stop = over or self._channel.stop_reason() is not None
        return self._stop


def run_trial(params: Mapping[str, Any], job: Job) -> None:
    """Run one trial inside Tune and report once, after its records are written.

    A failure that would come again is recorded and reported like a result; only a lost process ends in an exception,
    which makes Tune start the trial again, from its own checkpoint.

    Args:
        params: `{"trial_id": ...}`.
        job: what all trials share.
    """
    from ray import tune

    trial_id = str(params["trial_id"])
    state = "waiting" if StopRequest(job)() else fit_trial(trial_id, job)
    tune.report({"trial_id": trial_id, "state": state})


def fit_trial(trial_id: str, job: Job) -> str:
    """Run one trial of `job` inside Tune and return its state; where a GPU has failed too often, nothing is run."""
    placement, failed = job.placement, job.channel.failed_nodes()
    if failed and not room_without(failed, placement):
        job.channel.request_stop(StopReason.gpus_failed)
        return "waiting"
    if placement.workers == 1 and this_node() in failed:
        own = replace(job, configs={trial_id: job.configs[trial_id]})
        return on_other_node(lambda: _fit(trial_id, own, failed), placement, failed, StopRequest(job)) or "waiting"
    return _fit(trial_id, job, failed)


def _fit(trial_id: str, job: Job, failed: Collection[str]) -> str:
    """Run one trial in this process, or in a group of workers on nodes that have not failed."""
    from ray import train

    placement = job.placement
    nodes = alive_nodes() - set(failed) if placement.workers > 1 else {this_node()}
    _check_node(job, trial_id, nodes)
    job.channel.note_attempt(trial_id, nodes)
    attempt = uuid.uuid4().hex

    def loop() -> Any:
        return _run_worker(trial_id, job, attempt)

    try:
        result: Any = torch_trainer(loop, trial_id, job.scratch, placement, failed).fit()
    except train.TrainingFailedError:
        row = recorded_result(job.runs, job.remote, trial_id)
        if row is None or row["status"] != "failed":
            raise
        return "failed"
    return "waiting" if result.return_value is None else str(result.return_value.state)


def _run_worker(trial_id: str, job: Job, attempt: str) -> TrialStatus | None:
    """Run the trial in this process; none when another command holds it, or when there is no room for its files.

    Raises:
        UnfitNodeError: trials can't run on this node.
        GpuError: the GPU is of no more use to this process.
    """
    if job.placement.workers > 1:
        _check_node(job, trial_id, ())
    try:
        with full_disk_told(job.disk), gpu_failure_noted(job.channel, trial_id, attempt, this_node()):
            return _execute(trial_id, job)
    except DiskFullError:
        job.channel.request_stop(StopReason.disk_full)
        if job.placement.workers > 1:
            raise  # ends the others of the group
        return None
    finally:
        free_memory()


def _check_node(job: Job, trial_id: str, nodes: Collection[str]) -> None:
    """Refuse this node where trials can't run on it.

    Args:
        job: what all trials share.
        trial_id: the trial.
        nodes: what to note the attempt for; none: it is noted already.
    """
    from sweeps.preflight.newcomer import check_newcomer

    try:
        check_node(job.versions, job.scratch if job.remote is None else None)
        if job.placement.workers == 1 or not nodes:  # a group's driver computes nothing
            check_newcomer(job.newcomers, this_node())
    except UnfitNodeError as error:
        with suppress(OSError):  # it may lack the folder to tell it in
            job.channel.tell(str(error))
            if nodes:
                job.channel.note_attempt(trial_id, nodes)
        raise


def _execute(trial_id: str, job: Job) -> TrialStatus | None:
    tell = job.channel.tell
    asked = StopRequest(job)
    try:
        with (
            Lifeline() as line,
            trial_files(job.runs, job.remote, trial_id, job.scratch.name, tell, asked) as files,
        ):
            status = _execute_here(trial_id, job, files, lambda: asked() or line.leaving)
        if status.state == "interrupted" and not asked():
            # Of a group, one worker's node is enough.
            tell(f"A node is about to go; the trial {trial_id} wrote a checkpoint and goes on elsewhere.")
            raise NodeLeavingError(trial_id)
        return status
    except TrialBusyError as error:
        tell(str(error))
        return None
    except StoppedError as error:
        if not asked():
            raise NodeLeavingError(trial_id) from error
        return None


def _execute_here(trial_id: str, job: Job, files: TrialFiles, should_stop: Callable[[], bool]) -> TrialStatus:
    config = job.configs[trial_id]
    try:
        return execute_trial(
            config,
            job.dataset if job.data is None else job.data.here(job.channel.tell, should_stop),
            files.runs,
            trial_id=trial_id,
            device=trial_device(job.placement.gpus, job.placement.workers),
            precision=job.precision,
            threads=job.placement.cpus,
            should_stop=should_stop,
            tell=job.channel.tell,
            retry_failed=job.retry_failed,
            engine=job.engine,
            test=job.test,
            judge=job.judge,
            hang_timeout_s=job.hang_timeout_s,
            command=job.scratch.name,
            begun=files.begun,
            gpu_errors_pass=True,
        )
    except (TrialBusyError, DiskFullError, StoreError):
        raise
    except UserError as error:
        if gpu_fault(error) is not None:
            raise  # such as a device that can't be used any more: no fault of the trial
        dataset = job.dataset if job.data is None else job.data.described_in(files.runs / "dataset")
        # A lease, or another worker of the group, holds it already.
        held = job.remote is not None or job.placement.workers > 1
        with nullcontext() if held else trial_lock(trial_folder(files.runs, trial_id), wait_s=1):
            if (row := read_result(files.runs, trial_id)) is not None and row["status"] in job.over:
                return TrialStatus(trial_id, row["status"], skipped=True)  # this node's fault is of no concern to it
            status = record_failure(config, dataset, files.runs, trial_id, failure_kind(error) or "user", str(error))
        if job.placement.workers > 1:
            raise  # ends the others of the group
        return status
