"""Join a Ray or start one for the command, quietly."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcvd.errors import UserError
from sweeps.resources.environment import environment

_OBJECT_STORE_BYTES = 200 * 2**20
_TOO_SLOW = "timed out during startup"
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
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
    """Use the Ray that is there, else join the one at `address` or RAY_ADDRESS, else start one for this command."""
    if ray_is_running():
        yield
        return
    with ray_environment():
        _start(running_ray(address))
        try:
            yield
        finally:
            import ray

            ray.shutdown()


def _start(address: str | None) -> None:
    try:
        import ray

        # Its messages mix with the table; what matters comes back as an exception or a trial's failure.
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
        if address:
            forwarded = {"OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
            ray.init(address=address, runtime_env={"env_vars": forwarded}, **quiet)
            return
        local: dict[str, Any] = {
            "address": "local",
            "include_dashboard": True,  # frees the resources of stopped worker groups
            "dashboard_host": "127.0.0.1",
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
        try:
            ray.init(**local, **quiet)
        except Exception as error:
            if _TOO_SLOW not in str(error):
                raise
            # On a busy machine; Ray waits 30 s, which is not to be set. What it has started serves no second try.
            ray.shutdown()
            ray.init(**local, **quiet)
    except Exception as error:  # Ray raises a bare one when it does not come up in time
        where = f"Ray at {address} can't be reached" if address else "Ray can't be started on this machine"
        raise UserError(f"{where}: {' '.join(str(error).split())[:300]}.") from error
