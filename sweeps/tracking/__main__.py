"""`python -m sweeps.tracking KIND RUNS SWEEP`: pass a sweep's trials on until standard input ends.

A process of its own, so that whatever a tracker's library does, the sweep goes on. On standard output it says, in one
line, why it could not go on.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from sweeps.tracking.follow import Follower
from sweeps.tracking.kinds import open_tracker

_LOOK_S: Final = 3.0
_SHARE: Final = 0.1
"""Of the time, at most, that is spent on looking."""


def main() -> int:
    """Follow a sweep; 0 when all is sent, 1 when the tracker failed."""
    kind, runs, sweep = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command hears it, and ends this process in its time
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    try:
        tracker = open_tracker(kind, runs)
        follower = Follower(runs, sweep, kind, tracker)
        ending = False
        while not ending:
            began = time.monotonic()
            follower.send()
            pause = max(_LOOK_S, (time.monotonic() - began) / _SHARE)
            ending = bool(select.select([sys.stdin], [], [], pause)[0])
        follower.send()
        tracker.close()
    except Exception as error:
        answer.write(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}\n")
        answer.flush()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
