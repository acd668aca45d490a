from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.cluster.cluster_file import ClusterFile

Install = Callable[[str], None]


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterFile:
    """The file of a cluster of own hosts: a head and two workers."""
    provider = {"type": "local", "head_ip": "10.0.0.1", "worker_ips": ["10.0.0.2", "10.0.0.3"]}
    return ClusterFile(tmp_path / "c.yaml", "lab", "local", {"provider": provider, "auth": {"ssh_user": "me"}})


@pytest.fixture
def fake_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a program on the path that says and does what a test wants."""

    def install(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return install


@pytest.fixture
def fake_ssh(fake_program: Callable[[str, str], None]) -> Install:
    """Put an `ssh` on the path that says and does what a test wants."""
    return lambda script: fake_program("ssh", script)
