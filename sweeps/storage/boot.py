"""This machine since it was started: what tells its processes from those of all others."""

import functools
import socket
import uuid
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def this_boot() -> str:
    """Return the host's name with an id that is new each time it starts, fit for the name of a file.

    Where the system has no such id, as macOS, the address of the network card is in its place.
    """
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        boot = f"{uuid.getnode():012x}"
    return f"{socket.gethostname()}-{boot}".replace("/", "_")
