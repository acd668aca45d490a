"""`python -m` this, and `simcvd` runs with its lines marked, for a log that holds both streams and lines of others."""

import subprocess
import sys
import threading
from typing import IO, Final

OUTPUT: Final = "\x01"
"""Begins a line of standard output."""

ERRORS: Final = "\x02"
"""Begins a line of standard error."""


def main() -> int:
    """Run `simcvd` with the arguments of this process and return its exit code."""
    command = [sys.executable, "-m", "cli", *sys.argv[1:]]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, errors="replace") as child:
        streams = ((OUTPUT, child.stdout), (ERRORS, child.stderr))
        threads = [threading.Thread(target=_hand_on, args=stream) for stream in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return child.returncode


def _hand_on(mark: str, stream: IO[str]) -> None:
    for line in stream:
        sys.stdout.write(f"{mark}{line}")  # one call a line, so that the streams do not mix within one
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
