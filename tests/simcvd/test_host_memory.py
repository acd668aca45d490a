import platform
import subprocess
import sys
from pathlib import Path

import pytest

from simcvd.host_memory import available_bytes

FAULTS = """
import ctypes, resource, sys
from simcvd.host_memory import keep_freed
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def use():
    place = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(2**26)))
    libc.memset(place, 1, ctypes.c_size_t(2**26))
    libc.free(place)
if sys.argv[1] == "keep":
    keep_freed()
for _ in range(20):  # glibc keeps a few small remainders before it joins what is freed
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""20 maps of 64 MB, one after the other: how many pages the system had to give."""


def test_what_linux_says_is_available_is_taken_unless_the_container_has_less(tmp_path: Path) -> None:
    facts, limit, used = (tmp_path / name for name in ("meminfo", "max", "current"))
    assert available_bytes(facts, limit, used) is None
    facts.write_text("MemTotal: 24000000 kB\nMemFree: 1000 kB\nMemAvailable: 16000000 kB\n")
    assert available_bytes(facts, limit, used) == 16_384_000_000
    used.write_text("3000000000\n")
    for text, expected in (("max", 16_384_000_000), ("4000000000", 1_000_000_000), ("1000000000", 0)):
        limit.write_text(f"{text}\n")
        assert available_bytes(facts, limit, used) == expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc")
def test_freed_memory_is_used_again_unless_glibcs_own_variables_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def faults(way: str) -> int:
        told = subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True)
        return int(told.stdout)

    one_map = 2**26 // 2**12  # where no page is a huge one
    kept, given_back = faults("keep"), faults("give back")
    assert kept < one_map < given_back
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert faults("keep") > one_map
