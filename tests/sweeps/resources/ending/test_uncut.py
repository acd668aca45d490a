import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.resources.ending.uncut import uncut

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _all_are_heard() -> Iterator[None]:
    """Hear SIGHUP, also where the tests run under nohup."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _never() -> None:
    os._exit(99)


def _interrupted(number: int, then: Callable[[], object]) -> None:
    with pytest.raises(KeyboardInterrupt):
        _signalled(number, then)


def _signalled(number: int, then: Callable[[], object]) -> None:
    with uncut(_never):
        os.kill(os.getpid(), number)
        then()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_block_ends_before_a_signal_acts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done: list[bool] = []
    _interrupted(number, lambda: done.append(True))
    assert done
    assert signal.getsignal(number) == before


def test_a_block_that_fails_over_the_signal_is_interrupted_all_the_same() -> None:
    def fail() -> None:
        raise ConnectionError("the signal ended the other side too")

    _interrupted(signal.SIGTERM, fail)


def test_without_a_signal_nothing_changes() -> None:
    handlers = [signal.getsignal(number) for number in NUMBERS]
    with uncut(_never):
        pass
    with pytest.raises(ConnectionError), uncut(_never):
        raise ConnectionError
    assert handlers == [signal.getsignal(number) for number in NUMBERS]
    assert signal.set_wakeup_fd(-1) == -1
    assert "signals" not in [thread.name for thread in threading.enumerate()]


def test_a_handler_that_the_block_sets_does_not_count() -> None:
    def exit_by_number(number: int, frame: object) -> None:
        sys.exit(number)

    before = signal.getsignal(signal.SIGTERM)

    def block() -> None:
        with uncut(_never):
            signal.signal(signal.SIGTERM, exit_by_number)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert signal.getsignal(signal.SIGTERM) == before


def test_in_another_thread_a_block_simply_runs() -> None:
    ran: list[bool] = []

    def run() -> None:
        with uncut(_never):
            ran.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [True]


# The main thread is in C, where Python runs no handler.
_DEEP = """
import ctypes, os, signal
from sweeps.resources.ending.uncut import uncut
deep = ctypes.CDLL(None)
with uncut(lambda: os._exit(7), patience_s={patience_s}):
    print("ready", flush=True)
    while True:
        deep.pause()
"""


@pytest.mark.parametrize(
    ("patience_s", "numbers"),
    [
        pytest.param(1000, [signal.SIGINT, signal.SIGTERM], id="a second signal"),
        pytest.param(0, [signal.SIGTERM], id="a block that does not end"),
        pytest.param(0, [signal.SIGHUP], id="a closed terminal, and a block that does not end"),
    ],
)
def test_the_process_is_left_from_whatever_depth(patience_s: int, numbers: list[signal.Signals]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _DEEP.format(patience_s=patience_s)],
        cwd=Path(__file__).parents[4],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Not as in the process of the tests, which may run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(numbers[0])
        if numbers[0] != signal.SIGHUP:
            assert process.stderr.readline() == "Stopping; Ctrl-C again leaves at once.\n"
        for number in numbers[1:]:
            process.send_signal(number)
        try:
            assert process.wait(60) == 7
        finally:
            process.kill()
