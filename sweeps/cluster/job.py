"""A sweep as a job on the head: sent once, found again, followed line by line, asked to stop."""

import hashlib
import logging
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simcvd.errors import UserError
from sweeps.cluster.hosts import UnreachableError
from sweeps.cluster.job_log import JobLog
from sweeps.cluster.tunnel import Tunnel, answers
from sweeps.resources.environment import environment
from sweeps.resources.token import ENVIRONMENT, UNAUTHORISED, WRONG_TOKEN

SWEEP_KEY: Final = "simcvd_sweep"
STOP_WAIT_S: Final = 90
"""Running trials write a checkpoint in this time."""

_OVER: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
_PYTHON: Final = 'python="$(dirname "$(readlink -f "$(command -v ray)")")/python"; exec "$python"'
_RECONNECT_S: Final = 120.0
_GONE_S: Final = 20.0
_TALKATIVE: Final = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class RemoteJob:
    """A sweep's job.

    Attributes:
        id: its submission id.
        running: whether it is not over.
        exit_code: of its command; None while it runs, or where it was killed.
        message: what Ray says of its end.
    """

    id: str
    running: bool
    exit_code: int | None = None
    message: str = ""


class Jobs:
    """The jobs of a cluster, seen through a tunnel.

    Args:
        tunnel: open.

    Raises:
        UserError: the head does not answer as a Ray that shares this machine's token.
    """

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self._client = _connect(tunnel.address)

    def find(self, sweep: str) -> RemoteJob | None:
        """Return the running job of a sweep, else its last one, or none.

        Args:
            sweep: what `sweep_key` says of it.
        """
        with _asking():
            found = [job for job in self._client.list_jobs() if (job.metadata or {}).get(SWEEP_KEY) == sweep]
        found.sort(key=lambda job: (str(job.status.value) not in _OVER, job.start_time or 0))
        return _told(found[-1]) if found else None

    def running(self) -> list[str]:
        """Return the sweeps that run."""
        with _asking():
            jobs = [job for job in self._client.list_jobs() if str(job.status.value) not in _OVER]
        return sorted(key for job in jobs if (key := (job.metadata or {}).get(SWEEP_KEY)))

    def submit(
        self,
        arguments: Sequence[str],
        shipment: Path,
        *,
        sweep: str | None = None,
        module: str = "cli",
        environment: Mapping[str, str] | None = None,
    ) -> RemoteJob:
        """Send a command of this project to the head.

        Args:
            arguments: of `simcvd`.
            shipment: folder to run it from, on every node.
            sweep: what `sweep_key` says of the sweep that it runs; none runs no sweep.
            module: what is run with these arguments.
            environment: further variables.
        """
        variables = {
            **ENVIRONMENT,
            # Asked to stop, a sweep ends as after Ctrl-C.
            "RAY_JOB_STOP_SIGNAL": "SIGINT",
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        name = "simcvd-" + hashlib.sha256((sweep or shlex.join(arguments)).encode()).hexdigest()[:8]
        with _asking():
            job_id = self._client.submit_job(
                entrypoint=f"{_PYTHON} -m {module} {shlex.join(arguments)}",
                submission_id=f"{name}-{int(time.time())}",
                runtime_env={"working_dir": str(shipment), "env_vars": variables},
                metadata={} if sweep is None else {SWEEP_KEY: sweep},
            )
        return RemoteJob(job_id, running=True)

    def look(self, job: RemoteJob) -> RemoteJob | None:
        """Return the job as it is now; none where its cluster does not know it any more."""
        with _asking():
            return self._look(job)

    def _look(self, job: RemoteJob) -> RemoteJob | None:
        try:
            return _told(self._client.get_job_info(job.id))
        except RuntimeError as error:
            if "404" in str(error) or "does not exist" in str(error):
                return None
            raise

    def stop(self, job: RemoteJob) -> None:
        """Ask a job to end; its trials write a checkpoint first."""
        with _asking():
            self._client.stop_job(job.id)

    def nodes(self) -> list[Mapping[str, Any]]:
        """Return the nodes that are alive."""
        from ray.util.state import list_nodes

        with _asking():
            found = list_nodes(
                address=self._tunnel.address,
                filters=[("state", "=", "ALIVE")],
                limit=10_000,
                raise_on_missing_output=False,  # it takes nodes that are gone for missing
            )
        return [vars(node) if not isinstance(node, Mapping) else node for node in found]

    def lines(self, job: RemoteJob, asked_to_leave: Callable[[], bool]) -> Iterator[str | None]:
        """Yield what the job prints, from its first line on, until it is over; None about once a second.

        A tunnel that breaks is opened again, and the lines that were told are passed over.

        Args:
            job: the job.
            asked_to_leave: ends the lines while the job goes on.

        Raises:
            UserError: the head can't be reached for two minutes, or runs no Ray any more.
        """
        told = 0
        broken_since: float | None = None
        while not asked_to_leave():
            log = JobLog(self._client, job.id)
            try:
                seen = 0
                for line in log.lines(asked_to_leave):
                    if line is None:
                        yield None
                        continue
                    broken_since = None
                    seen += 1
                    if seen > told:
                        told = seen
                        yield line
                if asked_to_leave() or (now := self._look(job)) is None or not now.running:
                    return
            except (RuntimeError, OSError, ConnectionError) as error:
                broken_since = broken_since or time.monotonic()
                self._open_again(error, time.monotonic() - broken_since)
                with suppress(RuntimeError, OSError):
                    if self._look(job) is None:
                        return
                yield None
                time.sleep(1)
            finally:
                log.close()

    def _open_again(self, error: Exception, silent_s: float) -> None:
        with suppress(UnreachableError):
            self._tunnel.open()
            if silent_s > _GONE_S and answers(self._tunnel) is False:
                raise UserError(
                    "Ray on the head has ended, as when the host was started again; run the same command again: it "
                    "starts the cluster and continues, nothing finished is lost."
                )
        if silent_s > _RECONNECT_S:
            raise UserError(
                f"The head did not answer for {_RECONNECT_S:.0f} s ({' '.join(str(error).split())[:120]}); the "
                "sweep goes on there if the head does; run the same command again to follow it."
            ) from error


def sweep_key(name: str, runs: str) -> str:
    """Return the key of a sweep among the jobs of its cluster."""
    return f"{runs}/sweeps/{name}"


def _connect(address: str) -> Any:
    with _environment():
        from ray.job_submission import JobSubmissionClient

        try:
            client = JobSubmissionClient(address)
        except (RuntimeError, ConnectionError, OSError) as error:
            text = " ".join(str(error).split())
            if UNAUTHORISED.search(text):
                raise UserError(WRONG_TOKEN) from error
            raise UserError(f"The head's Ray does not answer: {text[:200]}.") from error
        for name in _TALKATIVE:  # what matters comes back as an exception
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return client


@contextmanager
def _asking() -> Iterator[None]:
    """Turn what Ray's clients raise, which has no common kind, into a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if UNAUTHORISED.search(text) or type(error).__name__ == "AuthenticationError":
            raise UserError(WRONG_TOKEN) from error
        raise UnreachableError(
            f"The head's Ray gave no answer ({text[:200].rstrip('.')}); a sweep that runs there goes on. Try the same "
            "command again."
        ) from error


@contextmanager
def _environment() -> Iterator[None]:
    """Let Ray's client send the token, and to nobody else; RAY_ADDRESS would lead it elsewhere."""
    for key in ("no_proxy", "NO_PROXY"):  # for all that the client asks later on
        os.environ[key] = ",".join(filter(None, [os.environ.get(key), _LOOPBACK]))
    with environment({**ENVIRONMENT, "RAY_ADDRESS": None}):
        yield


def _told(details: Any) -> RemoteJob:
    return RemoteJob(
        str(details.submission_id),
        str(details.status.value) not in _OVER,
        details.driver_exit_code,
        " ".join(str(details.message or "").split()),
    )
