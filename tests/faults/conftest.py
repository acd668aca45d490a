"""`pytest tests/faults -k SCENE --seed N` replays one fault, the number that a failing test prints; `--every` all."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.kinds import Fault
from tests.faults.replay import Replay, Scene, chosen

Choose = Callable[[Sequence[Fault], int | None], Sequence[Fault]]
Hold = Callable[[Scene, str, int], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="replay this fault alone")
    parser.addoption("--every", action="store_true", help="replay every fault, which takes an hour")


@pytest.fixture
def choose(request: pytest.FixtureRequest) -> Choose:
    """Return what chooses the faults to replay: the one asked for, or so many of them."""
    seed, every = request.config.getoption("--seed", None), request.config.getoption("--every", False)
    return lambda faults, most: chosen(faults, seed, None if every else most)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where that can be had: some commands are replayed a thousand times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory, prefix="simcvd-faults-") as folder:
        yield Path(folder)


@pytest.fixture
def hold(place: Path, choose: Choose) -> Hold:
    """Return what replays a scene with some of its faults, and asks for the records of an undisturbed run each time.

    Its arguments: the scene, the command that repeats the test, and how many faults.
    """

    def call(scene: Scene, command: str, most: int) -> None:
        replay = Replay(scene, place, command)
        replay.all(choose(replay.undisturbed(), most))

    return call
