"""The Ray side of a trial: what Tune calls, and what a worker does around the loop."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from simcvd.device_errors import gpu_fault
from simcvd.errors import UserError
from sweeps.channel.channel import Channel, StopReason
from sweeps.on_ray.gpu_failures import gpu_failure_noted
from sweeps.on_ray.job import Job, StopRequest
from sweeps.on_ray.node_loss import Lifeline, NodeLeavingError
from sweeps.on_ray.trial_device import free_memory, trial_device
from sweeps.on_ray.workers import on_other_node, room_without, torch_trainer
from sweeps.preflight.newcomer import check_newcomer
from sweeps.resources.late_nodes import UnfitNodeError, check_node
from sweeps.resources.nodes import alive_nodes, this_node
from sweeps.status.lock import TrialBusyError
from sweeps.status.trial import read_result
from sweeps.storage.data_cache import StoppedError
from sweeps.storage.runs import TrialFiles
from sweeps.storage.store import StoreError
from sweeps.trial.execute import execute_trial
from sweeps.trial.failure_kinds import DiskFullError, RunsFolderError, failure_kind, storage_told
from sweeps.trial.records import TrialStatus, record_failure
from sweeps.trial.terms import Contact


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
    """Run one trial inside Tune and return its state: in this process, or in a group of workers.

    On a node whose GPU has failed too often nothing is run; the trial runs in a process on another one.

    Args:
        trial_id: the trial.
        job: what all trials share.

    Raises:
        UnfitNodeError: trials can't run on this node.
        TrainingFailedError: the process of a worker was lost.
    """
    from ray import train

    placement, failed = job.placement, job.channel.failed_nodes()
    if failed and not room_without(failed, placement):
        job.channel.request_stop(StopReason.gpus_failed)
        return "waiting"
    if not job.is_grouped and this_node() in failed:
        there = partial(fit_trial, trial_id, replace(job, configs={trial_id: job.configs[trial_id]}))
        return on_other_node(there, placement, failed, StopRequest(job)) or "waiting"
    nodes = alive_nodes() - failed if job.is_grouped else {this_node()}
    _check_node(job, trial_id, nodes)
    job.channel.note_attempt(trial_id, nodes)
    worker = partial(run_worker, trial_id, job, uuid.uuid4().hex)
    try:
        result: Any = torch_trainer(worker, trial_id, job.scratch, placement, failed).fit()
    except train.TrainingFailedError:
        row = job.storage.recorded(trial_id)
        if row is None or row["status"] != "failed":
            raise
        return "failed"
    return "waiting" if result.return_value is None else str(result.return_value.state)


def run_worker(trial_id: str, job: Job, attempt: str) -> TrialStatus | None:
    """Run a trial in this process, one of its workers.

    Args:
        trial_id: the trial.
        job: what all trials share.
        attempt: what tells its attempts apart.

    Returns:
        Its status; none where another command holds it, there is no room for its files, or the command stops.

    Raises:
        UnfitNodeError: trials can't run on this node.
        NodeLeavingError: the node is about to go.
        GpuError: the GPU is of no more use to this process.
    """
    if job.is_grouped:
        _check_node(job, trial_id, ())
    channel, asked = job.channel, StopRequest(job)
    try:
        with storage_told(job.storage.disk), _without_the_trial(channel, trial_id, asked):
            with (
                gpu_failure_noted(channel, trial_id, attempt, this_node()),
                Lifeline() as line,
                job.storage.trial(trial_id, command=job.scratch.name, tell=channel.tell, should_stop=asked) as files,
            ):

                def stopping() -> bool:
                    return asked() or line.leaving

                try:
                    status = execute_trial(
                        job.configs[trial_id],
                        job.data.here(channel.tell, stopping),
                        files.runs,
                        trial_id=trial_id,
                        device=trial_device(job.placement, job.precision),
                        contact=Contact(None, stopping, channel.tell, files.begun),
                        terms=job.terms,
                        command=job.scratch.name,
                    )
                except UserError as error:
                    status = _recorded(error, trial_id, job, files)
            if status.state == "interrupted" and not asked():
                # Of a group, one worker's node is enough.
                channel.tell(f"A node is about to go; the trial {trial_id} wrote a checkpoint and goes on elsewhere.")
                raise NodeLeavingError(trial_id)
            return status
    except DiskFullError:
        channel.request_stop(StopReason.disk_full)
        if job.is_grouped:
            raise  # ends the others of the group
    finally:
        free_memory()
    return None


@contextmanager
def _without_the_trial(channel: Channel, trial_id: str, asked: StopRequest) -> Iterator[None]:
    """Pass over a trial that another command holds, or one that waited when the command was to stop.

    Raises:
        NodeLeavingError: it waited when the node was about to go.
    """
    try:
        yield
    except TrialBusyError as error:
        channel.tell(str(error))
    except StoppedError as error:
        if not asked():
            raise NodeLeavingError(trial_id) from error


def _recorded(error: UserError, trial_id: str, job: Job, files: TrialFiles) -> TrialStatus:
    """Record a trial that this node could not begin or go on with, such as one whose data set can't be had.

    Raises:
        UserError: the error itself, where it is no failure of the trial, or to end the others of a group.
    """
    if isinstance(error, TrialBusyError | DiskFullError | RunsFolderError | StoreError):
        raise error
    if gpu_fault(error) is not None:
        raise error  # such as a device that can't be used any more: no fault of the trial
    dataset = job.data.described_in(files.runs / "dataset")
    # Another worker of a group holds it already.
    with nullcontext() if job.is_grouped else files.held():
        if (row := read_result(files.runs, trial_id)) is not None and row["status"] in job.terms.over:
            return TrialStatus(trial_id, row["status"], skipped=True)  # this node's fault is of no concern to it
        kind = failure_kind(error) or "user"
        status = record_failure(job.configs[trial_id], dataset, files.runs, trial_id, kind, str(error))
    if job.is_grouped:
        raise error
    return status


def _check_node(job: Job, trial_id: str, nodes: Collection[str]) -> None:
    """Refuse this node where trials can't run on it.

    Args:
        job: what all trials share.
        trial_id: the trial.
        nodes: what to note the attempt for; none: it is noted already.
    """
    try:
        check_node(job.versions, job.scratch, seen=job.storage.sees(job.scratch))
        if not job.is_grouped or not nodes:  # a group's driver computes nothing
            check_newcomer(job.newcomers, this_node())
    except UnfitNodeError as error:
        with suppress(OSError):  # it may lack the folder to tell it in
            job.channel.tell(str(error))
            if nodes:
                job.channel.note_attempt(trial_id, nodes)
        raise
