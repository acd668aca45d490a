"""How many cores this process may use, which may be fewer than the machine has."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_GROUPS = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


def usable_cores(groups: Path = _GROUPS, root: Path = _ROOT) -> int:
    """Return how many cores the system, `taskset`, a batch system or a container leave to this process.

    Args:
        groups: what Linux tells of this process's control groups.
        root: where control groups are mounted.
    """
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    found: list[float] = [len(allowed(0)) if allowed is not None else os.cpu_count() or 1]
    for folder in _folders(groups, root):
        with suppress(OSError, ValueError):  # `max` where there is no limit
            quota, period = (folder / "cpu.max").read_text().split()
            found.append(int(quota) / int(period))
        with suppress(OSError, ValueError):
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:  # -1 where there is no limit
                found.append(int(quota) / int(period))
    return max(1, math.floor(min(found)))


def _folders(groups: Path, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of those above: the narrowest limit holds."""
    with suppress(OSError):
        for line in groups.read_text().splitlines():
            _, controllers, inside = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            group = PurePosixPath(inside.lstrip("/"))
            for part in (group, *group.parents):  # a container may see its own group as the root
                yield root / controllers / part
