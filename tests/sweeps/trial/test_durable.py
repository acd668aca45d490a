"""What a power cut finds of a trial: the order of flushes, renames and deletions of a real training."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.records import read_trials
from simcvd.config import TrialConfig, apply_settings, load_preset, trial_id
from simcvd.data.store import open_info
from sweeps.status.trial import trial_folder
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Contact, Device
from tests.tiny_trial import THREE_STEPS


@dataclass
class Calls:
    """Flushes, renames and deletions below a folder, in their order.

    Attributes:
        folder: what is watched.
        seen: each a verb and a path in the folder; a file under its passing name has the one it will get.
    """

    folder: Path
    seen: list[tuple[str, str]] = field(default_factory=list)

    def note(self, verb: str, path: Path) -> None:
        """Add a call, if it is below the folder."""
        if not path.is_relative_to(self.folder):
            return
        if found := re.fullmatch(r"\.(.*)\.tmp-.*", path.name):
            verb, path = f"{verb} half", path.with_name(found[1])
        self.seen.append((verb, path.relative_to(self.folder).as_posix()))

    def place(self, verb: str, path: str, *, after: int = -1) -> int:
        """Return the place of the first such call after another one."""
        return self.seen.index((verb, path), after + 1)


@contextmanager
def _watched(folder: Path) -> Iterator[Calls]:
    """Watch a folder; nothing is flushed in earnest."""
    calls = Calls(folder)

    def at(path: Any, start: int | None = None) -> Path:
        parent = Path() if start is None else Path(os.readlink(f"/proc/self/fd/{start}"))
        return Path(os.path.abspath(parent / os.fspath(path)))

    def noted(verb: str, real: Callable[..., None], place: Callable[..., Path]) -> Callable[..., None]:
        def call(*given: Any, **named: Any) -> None:
            real(*given, **named)
            calls.note(verb, place(*given, **named))

        return call

    def flush(handle: int) -> None:
        calls.note("flush", at(os.readlink(f"/proc/self/fd/{handle}")))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", flush)
        patched.setattr(os, "replace", noted("replace", os.replace, lambda source, target: at(target)))
        for name in ("unlink", "rmdir"):
            real = getattr(os, name)
            patched.setattr(os, name, noted("delete", real, lambda path, dir_fd=None: at(path, dir_fd)))
        yield calls


def _config(**changes: Any) -> TrialConfig:
    return apply_settings(load_preset("phantom"), THREE_STEPS | changes)


def _run(config: TrialConfig, dataset: Path, runs: Path, tell: Callable[[str], None] | None = None) -> Path:
    name = trial_id(config, open_info(dataset).digest)
    status = execute_trial(
        config, dataset, runs, trial_id=name, device=Device("cpu", threads=1), contact=Contact(tell=tell)
    )
    assert status.state == "finished", status
    return trial_folder(runs, name)


@pytest.fixture(scope="module")
def seen(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Calls, str]:
    """What a training of three steps with three checkpoints did, and the trial's id."""
    with _watched(tmp_path_factory.mktemp("runs")) as calls:
        return calls, _run(_config(), dataset, calls.folder).name


def test_every_file_is_flushed_before_it_appears_and_its_folder_after(seen: tuple[Calls, str]) -> None:
    calls, name = seen
    renamed = [place for place, (verb, _) in enumerate(calls.seen) if verb == "replace"]
    assert {calls.seen[place][1] for place in renamed} == {
        *(f"trials/{name}/{file}" for file in ("config.yaml", "environment.json", "log.jsonl", "student.safetensors")),
        *(f"trials/{name}/checkpoint/{file}" for file in ("last.pt", "previous.pt")),
        f"results/masks/{name}.h5",
        *(f"results/{kind}/{name}.parquet" for kind in ("cases", "trials")),
    }
    for place in renamed:
        path = calls.seen[place][1]
        if path.endswith("/previous.pt"):  # a second name of what was flushed; its folder is, with the new last one
            continue
        assert calls.seen[place - 1] == ("flush half", path)
        assert calls.seen[place + 1] == ("flush", os.path.dirname(path))


def test_no_checkpoint_is_there_before_the_log_of_its_steps(seen: tuple[Calls, str]) -> None:
    calls, name = seen
    place = -1
    for _ in range(3):
        logged = calls.place("flush", f"trials/{name}/log.jsonl", after=place)
        begun = calls.place("flush half", f"trials/{name}/checkpoint/last.pt", after=place)
        place = calls.place("replace", f"trials/{name}/checkpoint/last.pt", after=place)
        assert logged < begun < place


def test_the_one_before_is_let_go_when_the_new_one_is_flushed(seen: tuple[Calls, str]) -> None:
    calls, name = seen
    folder = f"trials/{name}/checkpoint"
    place = calls.place("replace", f"{folder}/last.pt")
    for _ in range(2):
        flushed = calls.place("flush half", f"{folder}/last.pt", after=place)
        kept = calls.place("replace", f"{folder}/previous.pt", after=place)
        place = calls.place("replace", f"{folder}/last.pt", after=place)
        assert flushed < kept < place


def test_weights_and_scores_are_safe_before_the_row_says_finished_and_the_checkpoint_goes_last(
    seen: tuple[Calls, str],
) -> None:
    calls, name = seen
    trial, row = f"trials/{name}", f"results/trials/{name}.parquet"
    order = [
        ("flush", "trials"),  # the name of the trial's folder
        ("replace", f"{trial}/student.safetensors"),
        ("flush", trial),
        ("flush", f"{trial}/log.jsonl"),
        ("replace", f"results/masks/{name}.h5"),
        ("flush", "results/masks"),
        ("replace", f"results/cases/{name}.parquet"),
        ("flush", "results/cases"),
        ("flush", "results"),  # the name of the folder of rows
        ("flush half", row),
        ("replace", row),
        ("flush", "results/trials"),
        ("delete", f"{trial}/checkpoint/last.pt"),
    ]
    place = -1
    for call in order:
        place = calls.place(*call, after=place)
    row_safe = calls.place(*order[-2])
    assert all(place > row_safe for place, (verb, _) in enumerate(calls.seen) if verb == "delete")


def test_a_torn_checkpoint_is_no_failure_of_the_trial(dataset: Path, tmp_path: Path) -> None:
    config = _config(**{"training.steps": 1})
    checkpoint = trial_folder(tmp_path, trial_id(config, open_info(dataset).digest)) / "checkpoint" / "last.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"PK\x03\x04 cut off")
    told: list[str] = []
    _run(config, dataset, tmp_path, told.append)
    assert f"The checkpoint {checkpoint} is damaged and there is none before it; the trial begins anew." in told
    assert read_trials(tmp_path)["status"].tolist() == ["finished"]
