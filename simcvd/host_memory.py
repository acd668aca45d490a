"""How much memory this machine has to give, and what this process does with what it frees."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_FACTS = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_MAX: Final = -4
_NEVER: Final = 2**31 - 1


def available_bytes(facts: Path = _FACTS, limit: Path = _LIMIT, used: Path = _USED) -> int | None:
    """Return what processes may still take, of the machine and of the container's limit; none where nothing says it.

    Args:
        facts: what Linux tells of its memory.
        limit: most bytes of this process's control group; a container has one.
        used: bytes that the group has.
    """
    found: list[int] = []
    with suppress(OSError, ValueError, StopIteration):
        line = next(line for line in facts.read_text().splitlines() if line.startswith("MemAvailable:"))
        found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):  # `max` where there is none
        found.append(max(0, int(limit.read_text()) - int(used.read_text())))
    return min(found, default=None)


def keep_freed() -> None:
    """Let this process keep the memory that it frees and use it again, where the C library is glibc.

    Else each map of 32 MB or more is fetched from the system page by page, and given back a moment later: more than a
    third of a training step of the Left Atrium's crops on the CPU. The price is memory, since what is kept lies in
    pieces: 4.1 in place of 2.9 GiB there. Who has set glibc's own variables has decided otherwise.
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    with suppress(OSError, AttributeError, TypeError):  # no mallopt in other C libraries
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
