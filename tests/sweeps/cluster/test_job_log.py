import asyncio

import pytest

from sweeps.cluster.job_log import JobLog


class Client:
    """Hands out a job's log in pieces; then an error, or nothing for ever."""

    def __init__(self, *pieces: str | Exception, ends: bool = True) -> None:
        self.pieces, self.ends = pieces, ends

    async def tail_job_logs(self, job_id):
        assert job_id == "job"
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece
        if not self.ends:
            await asyncio.sleep(3600)


def _told(log: JobLog) -> list[str]:
    try:
        return [line for line in log.lines(lambda: False) if line is not None]
    finally:
        log.close()


def test_lines_are_whole_however_the_log_is_cut() -> None:
    assert _told(JobLog(Client("on", "e\ntw", "o\n\nthree"), "job")) == ["one", "two", "", "three"]
    assert _told(JobLog(Client(), "job")) == []


def test_a_connection_that_breaks_is_told_after_the_lines_before_it() -> None:
    log = JobLog(Client("one\n", RuntimeError("gone")), "job")
    lines = log.lines(lambda: False)
    assert next(line for line in lines if line is not None) == "one"
    with pytest.raises(ConnectionError, match="gone"):
        list(lines)
    log.close()


def test_whoever_leaves_ends_the_lines_while_the_job_goes_on() -> None:
    log = JobLog(Client("one\n", ends=False), "job")
    left: list[bool] = []
    lines = log.lines(lambda: bool(left))
    assert next(line for line in lines if line is not None) == "one"
    left.append(True)
    assert [line for line in lines if line is not None] == []
    log.close()
