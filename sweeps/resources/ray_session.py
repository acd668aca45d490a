"""Join a Ray or start one for the command, quietly."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from simcvd.errors import UserError
from sweeps.resources.cores import usable_cores
from sweeps.resources.ending.left_over import MARK, end_left_over, leave_at_once, new_mark
from sweeps.resources.ending.uncut import uncut
from sweeps.resources.environment import environment
from sweeps.resources.reach import check_reachable
from sweeps.resources.surroundings import surroundings

_OBJECT_STORE_BYTES = 200 * 2**20
_TOO_SLOW = "timed out during startup"
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Prometheus' endpoints would tell everybody who reaches this machine what runs, and ask for no token.
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": "-1",
    "DASHBOARD_METRIC_PORT": "-1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else Ray uploads the working directory under `uv run`
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_worker_niceness": "0",  # Ray's 15 starves trials beside any other program; to be nice is the user's choice
    "RAY_AIR_NEW_OUTPUT": "0",  # the old output keeps silent when asked to
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours lets trials write a checkpoint
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
    "OMP_WAIT_POLICY": "PASSIVE",  # idle threads of one trial must not take cores from another
}


def ray_is_running() -> bool:
    """Tell whether this process has a Ray already."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def running_ray(address: str | None) -> str | None:
    """Return the address of the Ray to join, from the command or RAY_ADDRESS; none where one is to be started."""
    address = address or os.environ.get("RAY_ADDRESS")
    return None if address == "local" else address or None


@contextmanager
def ray_environment() -> Iterator[None]:
    """Set what Ray reads from the environment, where the user has not set it; put it back at the end."""
    with environment({key: value for key, value in _ENVIRONMENT.items() if key not in os.environ}):
        yield


@contextmanager
def ray_session(address: str | None) -> Iterator[None]:
    """Use the Ray that is there, else join the one at `address` or RAY_ADDRESS, else start one for this command.

    Raises:
        UserError: Ray can't be had.
        KeyboardInterrupt: the process was told to end while Ray started or ended, which it did first.
    """
    if ray_is_running():
        yield
        return
    joined = running_ray(address)
    if joined:
        check_reachable(joined, given=bool(address))
    mark = None if joined else new_mark()
    leave = partial(leave_at_once, mark)
    with ray_environment(), environment({} if mark is None else {**surroundings(), MARK: mark}):
        try:
            with uncut(leave):
                _start(joined)
            yield
        finally:
            with uncut(leave):
                _end(mark)


def _end(mark: str | None) -> None:
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()
    if mark is not None:
        end_left_over(mark)


@contextmanager
def _hang_ups_blocked() -> Iterator[None]:
    """Let Ray's processes inherit that SIGHUP is blocked: trials write a checkpoint after their terminal is closed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@_hang_ups_blocked()
def _start(address: str | None) -> None:
    try:
        import ray

        # Its messages mix with the table; what matters comes back as an exception or a trial's failure.
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        quiet: dict[str, Any] = {
            "logging_level": logging.CRITICAL,
            "log_to_driver": False,
            "job_config": _searching_as_here(),
        }
        if address:
            forwarded = {"OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
            ray.init(address=address, runtime_env={"env_vars": forwarded}, **quiet)
            return
        local: dict[str, Any] = {
            "address": "local",
            "num_cpus": usable_cores(),
            "include_dashboard": True,  # frees the resources of stopped worker groups
            "dashboard_host": "127.0.0.1",
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
        _start_here(**local, **quiet)
    except Exception as error:  # Ray raises a bare one when it does not come up in time
        where = f"Ray at {address} can't be reached" if address else "Ray can't be started on this machine"
        raise UserError(f"{where}: {' '.join(str(error).split())[:300]}.") from error


@environment({"PYTHONSAFEPATH": "1"})  # else Ray's own processes import a `ray.py` of the working folder
def _start_here(**given: Any) -> None:
    import ray

    try:
        ray.init(**given)
    except Exception as error:
        if _TOO_SLOW not in str(error):
            raise
        # On a busy machine; Ray waits 30 s, which is not to be set. What it has started serves no second try.
        ray.shutdown()
        ray.init(**given)


def _searching_as_here() -> Any:
    """Let Ray's processes search modules where this one does, in the same order.

    By itself Ray puts the working folder in front, where any `analysis.py` would hide ours.
    """
    from ray.job_config import JobConfig

    config: Any = JobConfig(_py_driver_sys_path=[str(Path(folder).absolute()) for folder in reversed(sys.path)])
    # Ray asks this only to know whether to add the working folder and that of the script.
    config._runtime_env_has_working_dir = lambda: True
    return config
