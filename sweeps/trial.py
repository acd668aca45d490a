"""The Ray side of a trial: what Tune calls, and the `TorchTrainer` that it wraps around the loop."""

import gc
import pickle
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.attempts import Lifeline, NodeLeavingError, alive_nodes, this_node
from sweeps.channel import Channel, FolderChannel
from sweeps.data_cache import CachedData, StoppedError
from sweeps.execute import Engine, TrialStatus, execute_trial, record_failure
from sweeps.failure_kinds import DiskFullError, failure_kind, full_disk_told
from sweeps.fitness import UnfitNodeError, check_node
from sweeps.objects.files import TrialFiles, recorded_result, trial_files
from sweeps.objects.place import ObjectRuns
from sweeps.objects.store import StoreError
from sweeps.stopping import StopReason
from sweeps.trial_lock import TrialBusyError, trial_lock
from sweeps.trial_state import read_result, trial_folder
from sweeps.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from simcvd.training.interruption import Judge

_NO_RETRIES: dict[str, Any] = {"max_failures": 0, "controller_failure_limit": 0}  # Tune retries, not the group


@dataclass(frozen=True)
class Placement:
    """What each worker of a trial gets.

    Attributes:
        workers: processes that share a trial's batches.
        cpus: CPU cores and torch threads of each.
        gpus: GPUs of each; a fraction shares one; 0 computes on the CPU.
    """

    workers: int = 1
    cpus: int = 1
    gpus: float = 0.0


class TrialConfigs(Mapping[str, TrialConfig]):
    """Settings by trial id, unpacked one by one: each trial is handed those of all trials, and looks at its own."""

    def __init__(self, configs: Mapping[str, TrialConfig]) -> None:
        self._packed = {trial_id: pickle.dumps(config) for trial_id, config in configs.items()}

    def __getitem__(self, trial_id: str) -> TrialConfig:
        config: TrialConfig = pickle.loads(self._packed[trial_id])
        return config

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


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
    """Run one trial of `job` inside Tune, in this process or in a group of workers; return its state."""
    from ray import train
    from ray.train.torch import TorchTrainer

    placement = job.placement
    group = placement.workers > 1
    nodes = alive_nodes() if group else {this_node()}
    _check_node(job, trial_id, nodes)
    job.channel.note_attempt(trial_id, nodes)
    resources = {"CPU": float(placement.cpus)} | ({"GPU": placement.gpus} if placement.gpus else {})

    def loop() -> Any:
        return _run_worker(trial_id, job)

    trainer = TorchTrainer(
        loop,
        # No worker group for one worker: the loop then runs in this process, which serves one trial after the other.
        scaling_config=train.ScalingConfig(
            num_workers=placement.workers if group else 0,
            use_gpu=group and placement.gpus > 0,
            resources_per_worker=resources if group else None,
        ),
        run_config=train.RunConfig(
            name=trial_id,
            storage_path=str(job.scratch / "groups"),
            failure_config=train.FailureConfig(**_NO_RETRIES),
        ),
    )
    try:
        result: Any = trainer.fit()
    except train.TrainingFailedError:
        row = recorded_result(job.runs, job.remote, trial_id)
        if row is None or row["status"] != "failed":
            raise
        return "failed"
    return "waiting" if result.return_value is None else str(result.return_value.state)


def _run_worker(trial_id: str, job: Job) -> TrialStatus | None:
    """Run the trial in this process; none when another command holds it, or when there is no room for its files.

    Raises:
        UnfitNodeError: trials can't run on this node.
    """
    if job.placement.workers > 1:
        _check_node(job, trial_id, ())
    try:
        with full_disk_told(job.disk):
            return _execute(trial_id, job)
    except DiskFullError:
        job.channel.request_stop(StopReason.disk_full)
        if job.placement.workers > 1:
            raise  # ends the others of the group
        return None
    finally:
        _clean()


def _check_node(job: Job, trial_id: str, nodes: Collection[str]) -> None:
    """Refuse this node where trials can't run on it.

    Args:
        job: what all trials share.
        trial_id: the trial.
        nodes: what to note the attempt for; none: it is noted already.
    """
    try:
        check_node(job.versions, job.scratch if job.remote is None else None)
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
            device=_device(job.placement),
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
        )
    except (TrialBusyError, DiskFullError, StoreError):
        raise
    except UserError as error:
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


def _device(placement: Placement) -> str:
    if not placement.gpus:
        return "cpu"
    if placement.workers == 1:
        return "cuda"
    import torch
    from ray.train.torch import get_device

    device = get_device()  # the workers of a node see each other's GPUs
    torch.cuda.set_device(device)
    return str(device)


def _clean() -> None:
    """Leave the process as the next trial expects it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
