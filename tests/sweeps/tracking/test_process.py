import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.tracking import process
from sweeps.tracking.process import followed
from tests.sweeps.tracking.test_tensorboard import links

Write = Callable[..., None]
RunTrial = Callable[..., str]
Library = Callable[[str], None]


def lines(runs: Path) -> list[str]:
    return (runs / "told.txt").read_text().splitlines()


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


def test_all_is_sent_at_the_end_of_a_command(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, library: Library
) -> None:
    library("pass")
    write_sweep(one={0: "a"})
    told: list[str] = []
    with followed(tmp_path, "mine", ["wandb"], told.append):
        run_trial("a")
        (tmp_path / "trials" / "a" / "events").mkdir()
    assert told == []
    number, *rest = lines(tmp_path)
    steps = [f"mine/one seed 0 {step}" for step in (1, 2, 3)]
    assert rest == [*steps, "mine/one seed 0 0 ['test_dice', 'val_dice']"]
    assert gone(int(number))
    assert links(tmp_path) == {"one seed 0": "a"}


@pytest.mark.parametrize(
    ("begins", "reason"),
    [
        ("raise ConnectionError('no network,\\nnone at all')", "ConnectionError: no network, none at all"),
        ("os._exit(9)", "its process ended with code 9"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)
def test_a_tracker_that_fails_is_told_once_and_the_sweep_goes_on(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, library: Library, begins: str, reason: str
) -> None:
    library(begins)
    write_sweep(one={0: "a"}, other={0: "b"})
    run_trial("a")
    told: list[str] = []
    with followed(tmp_path, "mine", ["wandb"], told.append):
        while not told:
            time.sleep(0.1)
        assert run_trial("b") == "finished"
    assert told == [
        f"Weights & Biases gets no more of this sweep, which goes on ({reason}); the same command sends the rest."
    ]


def test_a_tracker_that_hangs_is_left_after_a_time(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library("import time; time.sleep(600)")
    write_sweep(one={0: "a"})
    run_trial("a")
    told: list[str] = []
    monkeypatch.setattr(process, "END_S", 0.1)
    with followed(tmp_path, "mine", ["wandb"], told.append):
        while not (tmp_path / "told.txt").exists():
            time.sleep(0.1)
    assert told == ["Weights & Biases did not take everything within 0 s; the same command sends the rest."]
    assert gone(int(lines(tmp_path)[0]))


def test_who_leaves_at_once_leaves_no_process(
    tmp_path: Path, write_sweep: Write, run_trial: RunTrial, library: Library
) -> None:
    library("import time; time.sleep(600)")
    write_sweep(one={0: "a"})
    run_trial("a")
    told: list[str] = []

    def leave() -> None:
        with followed(tmp_path, "mine", ["wandb"], told.append):
            while not (tmp_path / "told.txt").exists():
                time.sleep(0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert told == []
    assert gone(int(lines(tmp_path)[0]))


def test_a_file_system_without_links_is_told_once(
    tmp_path: Path, write_sweep: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(one={0: "a"})
    (tmp_path / "trials" / "a" / "events").mkdir(parents=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(process, "LINK_EVERY_S", 0.01)
    told: list[str] = []
    with followed(tmp_path, "mine", (), told.append):
        while not told:
            time.sleep(0.01)
    assert told == [
        f"TensorBoard will show ids in place of names: {tmp_path / 'tensorboard'} can't hold links (Operation not "
        "permitted); the sweep goes on."
    ]
