"""A sweep as a job on the head: sent once, found again, followed line by line, asked to stop."""

import asyncio
import hashlib
import http.client
import logging
import os
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simcvd.errors import UserError
from sweeps.cluster.hosts import UnreachableError
from sweeps.cluster.token import ENVIRONMENT
from sweeps.cluster.tunnel import Tunnel
from sweeps.resources.environment import environment

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
_UNAUTHORISED: Final = re.compile(r"\b(401|403)\b")
_TRIES: Final = 3
_ANSWER_S: Final = 10.0
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

    def submit(self, sweep: str, arguments: Sequence[str], shipment: Path) -> RemoteJob:
        """Send a command of this project to the head.

        Args:
            sweep: what `sweep_key` says of the sweep.
            arguments: of `simcvd`.
            shipment: folder to run it from, on every node.
        """
        environment = {
            **ENVIRONMENT,
            # Asked to stop, a sweep ends as after Ctrl-C.
            "RAY_JOB_STOP_SIGNAL": "SIGINT",
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
            "PYTHONUNBUFFERED": "1",
        }
        with _asking():
            job_id = self._client.submit_job(
                entrypoint=f"{_PYTHON} -m cli {shlex.join(arguments)}",
                submission_id=f"simcvd-{hashlib.sha256(sweep.encode()).hexdigest()[:8]}-{int(time.time())}",
                runtime_env={"working_dir": str(shipment), "env_vars": environment},
                metadata={SWEEP_KEY: sweep},
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
            tail = _Tail(self._client, job.id)
            try:
                seen = 0
                for line in tail.lines(asked_to_leave):
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
                tail.close()

    def _open_again(self, error: Exception, silent_s: float) -> None:
        with suppress(UnreachableError):
            self._tunnel.open()
            if silent_s > _GONE_S and _answers(self._tunnel) is False:
                raise UserError(
                    "Ray on the head has ended, as when the host was started again; run the same command again: it "
                    "starts the cluster and continues, nothing finished is lost."
                )
        if silent_s > _RECONNECT_S:
            raise UserError(
                f"The head did not answer for {_RECONNECT_S:.0f} s ({' '.join(str(error).split())[:120]}); the "
                "sweep goes on there if the head does; run the same command again to follow it."
            ) from error


class _Tail:
    """The log of a job, read in a thread: Ray hands it out to coroutines only."""

    def __init__(self, client: Any, job_id: str) -> None:
        self._client, self._job_id = client, job_id
        self._ready = threading.Condition()
        self._lines: list[str] = []
        self._error: Exception | None = None
        self._ended = False
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="job log", daemon=True)
        self._thread.start()

    def lines(self, asked_to_leave: Callable[[], bool]) -> Iterator[str | None]:
        while True:
            with self._ready:
                if not self._lines and not self._ended:
                    self._ready.wait(1)
                lines, self._lines = self._lines, []
                ended, error = self._ended, self._error
            yield from lines
            if ended and not self._lines:
                if error is not None:
                    raise ConnectionError(str(error) or type(error).__name__) from error
                return
            if asked_to_leave():
                return
            yield None

    def close(self) -> None:
        def cancel() -> None:
            if self._task is not None:
                self._task.cancel()

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(cancel)
        self._thread.join(5)

    def _run(self) -> None:
        try:
            self._task = self._loop.create_task(self._read())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:  # handed over to who reads the lines
            self._error = error
        finally:
            self._loop.close()
            with self._ready:
                self._ended = True
                self._ready.notify()

    async def _read(self) -> None:
        rest = ""
        async for chunk in self._client.tail_job_logs(self._job_id):
            *whole, rest = (rest + chunk).split("\n")
            self._hand_over(whole)
        if rest:
            self._hand_over([rest])

    def _hand_over(self, lines: Sequence[str]) -> None:
        with self._ready:
            self._lines += lines
            self._ready.notify()


def sweep_key(name: str, runs: str) -> str:
    """Return what tells a sweep from others on its cluster."""
    return f"{runs}/sweeps/{name}"


def is_up(tunnel: Tunnel) -> bool:
    """Tell whether a Ray with this machine's token answers at the other end.

    Raises:
        UserError: a Ray answers that has another token, or something is there that does not answer in time.
    """
    for _ in range(_TRIES):
        if (answer := _answers(tunnel)) is not None:
            return answer
        time.sleep(1)
    raise UnreachableError(
        f"The dashboard of the head is there, but did not answer {_TRIES} times; try again when the head is less busy."
    )


def _answers(tunnel: Tunnel) -> bool | None:
    """Tell whether a Ray answers: no where nothing listens, None where it is too slow or confused to tell."""
    import urllib.error
    import urllib.request

    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser().read_text().strip()
    request = urllib.request.Request(f"{tunnel.address}/api/version", headers={"Authorization": f"Bearer {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the token is for nobody else
    try:
        with direct.open(request, timeout=_ANSWER_S):
            return True
    except urllib.error.HTTPError as error:
        if _UNAUTHORISED.search(str(error.code)):
            raise UserError(_WRONG_TOKEN) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ConnectionError):
            return False
    return None


_WRONG_TOKEN: Final = (
    "The Ray on the head has another token than ~/.ray/auth_token here; copy that file from the machine that started "
    "the cluster, or take the cluster down from there."
)


def _connect(address: str) -> Any:
    with _environment():
        from ray.job_submission import JobSubmissionClient

        try:
            client = JobSubmissionClient(address)
        except (RuntimeError, ConnectionError, OSError) as error:
            text = " ".join(str(error).split())
            if _UNAUTHORISED.search(text):
                raise UserError(_WRONG_TOKEN) from error
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
        if _UNAUTHORISED.search(text) or type(error).__name__ == "AuthenticationError":
            raise UserError(_WRONG_TOKEN) from error
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
