from pathlib import Path

from simcvd.host_memory import available_bytes


def test_what_linux_says_is_available_is_taken_unless_the_container_has_less(tmp_path: Path) -> None:
    facts, limit, used = (tmp_path / name for name in ("meminfo", "max", "current"))
    assert available_bytes(facts, limit, used) is None
    facts.write_text("MemTotal: 24000000 kB\nMemFree: 1000 kB\nMemAvailable: 16000000 kB\n")
    assert available_bytes(facts, limit, used) == 16_384_000_000
    used.write_text("3000000000\n")
    for text, expected in (("max", 16_384_000_000), ("4000000000", 1_000_000_000), ("1000000000", 0)):
        limit.write_text(f"{text}\n")
        assert available_bytes(facts, limit, used) == expected
