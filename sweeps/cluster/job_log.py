"""The log of a job on a cluster, line by line."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any


class JobLog:
    """What a job prints, read in a thread: Ray hands it out to coroutines only.

    Args:
        client: Ray's job client.
        job_id: the job.
    """

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
        """Yield its lines from the first one on, None about once a second, until it ends or the user leaves.

        Raises:
            ConnectionError: the connection broke.
        """
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
        """End the thread."""

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
