"""`pytest tests/faults -k SCENE --seed N` replays one fault: the number that a failing test prints."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="replay this fault alone")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int | None:
    """The fault to replay; none replays many."""
    return request.config.getoption("--seed", None)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where that can be had: some commands are replayed a thousand times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory, prefix="simcvd-faults-") as folder:
        yield Path(folder)
