"""How much memory this machine has to give."""

from contextlib import suppress
from pathlib import Path

_FACTS = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")


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
