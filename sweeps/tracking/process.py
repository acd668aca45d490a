"""Follow a sweep while a command runs it: names for TensorBoard, and a process for each tracker."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from analysis.errors import AnalysisError
from sweeps.storage.repeating import repeating
from sweeps.tracking.kinds import KINDS
from sweeps.tracking.tensorboard import link_events

LINK_EVERY_S: Final = 15.0
END_S: Final = 60.0
"""How long a command waits at its end until all is sent."""

Tell = Callable[[str], None]


@contextmanager
def followed(runs: Path, sweep: str, trackers: Sequence[str], tell: Tell) -> Iterator[None]:
    """Show a sweep's trials elsewhere while the `with` block runs them; nothing that fails there reaches the block.

    Args:
        runs: the runs folder.
        sweep: the sweep's name; its file is written.
        trackers: kinds of trackers.
        tell: gets a sentence where one fails, once.
    """
    with ExitStack() as held:
        held.enter_context(_linked(runs, sweep, tell))
        for kind in trackers:
            held.enter_context(_passed_on(kind, runs, sweep, tell))
        yield


@contextmanager
def _linked(runs: Path, sweep: str, tell: Tell) -> Iterator[None]:
    failed = False

    def link() -> None:
        nonlocal failed
        if failed:
            return
        try:
            link_events(runs, sweep)
        except AnalysisError:  # its command says it
            return
        except OSError as error:
            failed = True
            tell(
                f"TensorBoard will show ids in place of names: {runs / 'tensorboard'} can't hold links "
                f"({error.strerror}); the sweep goes on."
            )

    try:
        with repeating(link, LINK_EVERY_S, name="tensorboard", passing=()):
            yield
    finally:
        link()


@contextmanager
def _passed_on(kind: str, runs: Path, sweep: str, tell: Tell) -> Iterator[None]:
    command = [sys.executable, "-m", "sweeps.tracking", kind, str(runs), sweep]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is the command's
    )
    ending = threading.Event()
    listener = threading.Thread(target=_listen, args=(process, kind, tell, ending), name=kind, daemon=True)
    listener.start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        ending.set()
        _kill(process)
        raise
    finally:
        _end(process, kind, tell, ending)
        listener.join()


def _end(process: "subprocess.Popen[str]", kind: str, tell: Tell, ending: threading.Event) -> None:
    """Let a tracker's process send the rest, within a time."""
    assert process.stdin is not None
    with suppress(OSError):  # it has ended by itself
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        tell(f"{KINDS[kind]} did not take everything within {END_S:.0f} s; the same command sends the rest.")
    finally:
        if process.poll() is None:  # also where the user has no patience
            ending.set()
            _kill(process)


def _listen(process: "subprocess.Popen[str]", kind: str, tell: Tell, ending: threading.Event) -> None:
    """Say why a tracker's process ended before it was to."""
    assert process.stdout is not None
    with process.stdout as stdout:
        reason = stdout.read().strip()
    code = process.wait()
    if code and not ending.is_set():
        told = reason or f"its process ended with code {code}"
        tell(f"{KINDS[kind]} gets no more of this sweep, which goes on ({told}); the same command sends the rest.")


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a process and those that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
