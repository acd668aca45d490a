"""End a process whose trial hangs, so that Tune starts it again elsewhere.

The timer is faulthandler's: a thread in C, which needs neither the interpreter nor its lock. Every sign of life winds
it up; when it runs out, it writes where each thread is and ends the process.
"""

import faulthandler
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

HANG_TIMEOUT_S: Final = 1800.0
"""Longer than any step and than any case takes to score."""

_TRIAL: Final = "execute_trial"
_FRAME: Final = re.compile(r'File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)')


class Watchdog:
    """Watch one trial in this process while the `with` block lasts.

    Args:
        folder: the trial's folder.
        timeout_s: how long it may give no sign of life, in seconds; none watches nothing.
        rank: this worker's number among those of the trial.
    """

    def __init__(self, folder: Path, timeout_s: float | None, rank: int = 0) -> None:
        self._path = folder / (f"hang-{rank}.txt" if rank else "hang.txt")
        self._timeout_s = timeout_s
        self._file: IO[str] | None = None
        self._wind_after = 0.0

    def __enter__(self) -> Self:
        """Start the timer; what an earlier process left is forgotten."""
        if self._timeout_s is None:
            self._path.unlink(missing_ok=True)
        else:
            self._file = self._path.open("w")
            self.alive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the timer: this process may serve another trial next."""
        if self._file is not None:
            faulthandler.cancel_dump_traceback_later()
            self._file.close()
            self._path.unlink(missing_ok=True)

    def alive(self) -> None:
        """Wind the timer up."""
        now = time.monotonic()
        if self._file is None or self._timeout_s is None or now < self._wind_after:
            return
        # A new timer is a new thread: not for every step of a fast training.
        self._wind_after = now + min(1.0, self._timeout_s / 20)
        faulthandler.dump_traceback_later(self._timeout_s, exit=True, file=self._file)

    def hears(self, should_stop: Callable[[], bool] | None) -> Callable[[], bool] | None:
        """Return `should_stop`, each call of which is a sign of life."""
        if self._file is None:
            return should_stop

        def asked() -> bool:
            self.alive()
            return should_stop is not None and should_stop()

        return asked


def hang_position(folder: Path) -> str | None:
    """Return where the trial hung when its process was last ended for it, such as `train_steps (loop.py:58)`."""
    for path in sorted(folder.glob("hang*.txt")):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if text.strip():
            return _position(text)
    return None


def hang_report(folder: Path) -> str:
    """Return all that was written when the trial's processes were ended."""
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("hang*.txt")))


def _position(text: str) -> str:
    """Return the innermost frame of the thread that ran the trial, and the innermost one of ours where it is another.

    >>> _position('''Thread 0x1 (most recent call first):
    ...   File "/lib/threading.py", line 9 in wait
    ...   File "/x/simcvd/training/loop.py", line 58 in train_steps
    ...   File "/x/sweeps/execute.py", line 99 in execute_trial''')
    'wait (threading.py:9), called from train_steps (loop.py:58)'
    """
    threads = [_FRAME.findall(part) for part in re.split(r"^(?:Current )?[Tt]hread ", text, flags=re.MULTILINE)]
    frames = next((own for own in threads if any(name == _TRIAL for _, _, name in own)), None)
    if not frames:
        return "a place that is not known"
    ours = next((frame for frame in frames if {"simcvd", "sweeps"} & set(Path(frame[0]).parts[-3:-1])), frames[0])
    innermost = _named(frames[0])
    return innermost if ours == frames[0] or ours[2] == _TRIAL else f"{innermost}, called from {_named(ours)}"


def _named(frame: tuple[str, str, str]) -> str:
    file, line, name = frame
    return f"{name} ({Path(file).name}:{line})"
