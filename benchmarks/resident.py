"""Memory of this process."""

import re
import resource
from pathlib import Path


def resident_peak() -> int:
    """Return the largest resident size of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage counts what the parent had when it forked
        return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
