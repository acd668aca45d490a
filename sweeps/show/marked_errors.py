"""`python -m` this, and `simcvd` runs with its lines on standard error marked, for a log that holds both streams."""

import subprocess
import sys
from typing import Final

MARK: Final = "\x1e"


def main() -> int:
    """Run `simcvd` with the arguments of this process and return its exit code."""
    command = [sys.executable, "-m", "cli", *sys.argv[1:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as child:
        for line in child.stderr or ():
            sys.stdout.write(f"{MARK}{line}")
            sys.stdout.flush()
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
