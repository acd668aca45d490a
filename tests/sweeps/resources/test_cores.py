import os
from pathlib import Path

import pytest

from sweeps.resources.cores import usable_cores


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)


@pytest.fixture
def counted(tmp_path: Path):
    """Count in a group, with limits by file."""

    def count(group: str, **limits: str) -> int:
        (tmp_path / "groups").write_text(f"12:memory:/elsewhere\n{group}\n")
        for name, text in limits.items():
            file = tmp_path / "root" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return usable_cores(tmp_path / "groups", tmp_path / "root")

    return count


def test_cores_that_the_process_is_kept_from_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cores(tmp_path / "absent", tmp_path) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5})
    assert usable_cores(tmp_path / "absent", tmp_path) == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores(tmp_path / "absent", tmp_path) == 64


@pytest.mark.parametrize(
    ("group", "limits", "cores"),
    [
        ("0::/", {"cpu.max": "max 100000\n"}, 8),
        ("0::/", {"cpu.max": "350000 100000\n"}, 3),
        ("0::/", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/", {"cpu.max": "9900000 100000\n"}, 8),
        ("0::/job/step", {"job/step/cpu.max": "max 100000", "job/cpu.max": "200000 100000"}, 2),
        ("0::/../host", {"cpu.max": "200000 100000\n"}, 2),
        ("4:cpu,cpuacct:/job", {"cpu,cpuacct/job/cpu.cfs_quota_us": "-1", "cpu,cpuacct/job/cpu.cfs_period_us": "9"}, 8),
        ("4:cpu:/job", {"cpu/job/cpu.cfs_quota_us": "200000", "cpu/job/cpu.cfs_period_us": "100000"}, 2),
        ("4:cpu:/job", {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_the_narrowest_limit_of_the_control_groups_holds(counted, group: str, limits: dict, cores: int) -> None:
    assert counted(group, **limits) == cores
