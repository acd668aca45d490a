import os
import pty
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcvd.training.interruption import interrupt_on_signals, stop_on_signals


@pytest.fixture(autouse=True)
def _terminal_is_heard() -> Iterator[None]:
    """Hear SIGHUP, also where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_and_second_acts(number: signal.Signals) -> None:
    with stop_on_signals() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_are_never_asked() -> None:
    answers: list[bool] = []

    def ask() -> None:
        with stop_on_signals() as asked:
            answers.append(asked())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]


def test_a_closed_terminal_asks_however_often_it_is_told() -> None:
    with stop_on_signals() as asked:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
            assert asked()
        os.kill(os.getpid(), signal.SIGTERM)  # as the system sends at a logout, together with SIGHUP
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_what_runs_under_nohup_goes_on_when_the_terminal_is_closed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def _put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_put_back")
def test_sigterm_interrupts_as_ctrl_c_does_and_a_closed_terminal_once() -> None:
    interrupt_on_signals()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGHUP)


@pytest.mark.usefixtures("_put_back")
def test_what_is_to_outlive_its_terminal_still_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupt_on_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.usefixtures("_put_back")
def test_a_process_that_is_forked_ends_by_the_signal_itself() -> None:
    interrupt_on_signals()
    pid = os.fork()
    if pid == 0:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM


IN_TERMINAL = """
import sys, time
from pathlib import Path
from simcvd.training.interruption import stop_on_signals
with stop_on_signals() as asked:
    print("ready", flush=True)
    while not asked():
        time.sleep(0.01)
    print("written to nobody", file=sys.stderr, flush=True)
    Path(sys.argv[1]).write_text("checkpoint")
print("nor this", flush=True)
Path(sys.argv[1]).write_text("ended")
"""


def test_what_is_written_to_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", IN_TERMINAL, str(tmp_path / "file")])
    told = b""
    while not told.endswith(b"\n"):  # closed earlier, the line that is being written would already fail
        told += os.read(terminal, 100)
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0
    assert (tmp_path / "file").read_text() == "ended"
