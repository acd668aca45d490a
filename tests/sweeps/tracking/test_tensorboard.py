from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.training.report import TrialLog
from sweeps.tracking.tensorboard import link_events

Write = Callable[..., None]


def write_events(runs: Path, trial_id: str, total: float) -> None:
    folder = runs / "trials" / trial_id
    folder.mkdir(parents=True)
    log = TrialLog(folder, 0)
    log.write({"step": 1, "total": total, "losses": {}})
    log.close()


def shown(folder: Path) -> dict[str, float]:
    """Return what TensorBoard itself finds: the last `total` of each run."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    found = EventMultiplexer().AddRunsFromDirectory(str(folder))
    found.Reload()
    tensors = {run: found.Tensors(run, "total") if tags["tensors"] else [] for run, tags in found.Runs().items()}
    scalars = {run: found.Scalars(run, "total") if tags["scalars"] else [] for run, tags in found.Runs().items()}
    return {run: (scalars[run] or tensors[run])[-1].value for run in found.Runs()}


def links(runs: Path) -> dict[str, str]:
    return {path.name: path.resolve().parent.name for path in (runs / "tensorboard" / "mine").iterdir()}


def test_tensorboard_shows_sweep_variant_and_seed(tmp_path: Path, write_sweep: Write) -> None:
    write_sweep(**{"dropout=0.1": {0: "simcvd-s0-0123456789ab", 1: "simcvd-s1-0123456789ab"}, "w/o SDM": {0: "later"}})
    write_events(tmp_path, "simcvd-s0-0123456789ab", 0.5)
    write_events(tmp_path, "simcvd-s1-0123456789ab", 0.25)
    link_events(tmp_path, "mine")
    expected = {"dropout=0.1 seed 0": 0.5, "dropout=0.1 seed 1": 0.25}
    assert shown(tmp_path / "tensorboard") == {f"mine/{name}": total for name, total in expected.items()}
    assert shown(tmp_path / "tensorboard" / "mine") == expected


def test_names_stay_when_the_sweep_goes_on(tmp_path: Path, write_sweep: Write) -> None:
    write_sweep(one={0: "a"}, other={0: "b"})
    (tmp_path / "trials" / "a" / "events").mkdir(parents=True)
    link_events(tmp_path, "mine")
    before = (tmp_path / "tensorboard" / "mine" / "one seed 0").lstat().st_ino
    assert links(tmp_path) == {"one seed 0": "a"}
    (tmp_path / "trials" / "b" / "events").mkdir(parents=True)
    write_sweep(one={0: "a", 1: "c"}, other={0: "b"})
    link_events(tmp_path, "mine")
    assert links(tmp_path) == {"one seed 0": "a", "other seed 0": "b"}
    assert (tmp_path / "tensorboard" / "mine" / "one seed 0").lstat().st_ino == before, "it was not made anew"


def test_a_sweep_with_other_trials_shows_those_and_the_trials_keep_their_events(
    tmp_path: Path, write_sweep: Write
) -> None:
    for trial_id in ("a", "b", "c"):
        (tmp_path / "trials" / trial_id / "events").mkdir(parents=True)
    write_sweep(one={0: "a"}, other={0: "b"})
    link_events(tmp_path, "mine")
    write_sweep(one={0: "c"})
    link_events(tmp_path, "mine")
    assert links(tmp_path) == {"one seed 0": "c"}
    assert all((tmp_path / "trials" / trial_id / "events").is_dir() for trial_id in "abc")


def test_a_moved_runs_folder_keeps_its_names(tmp_path: Path, write_sweep: Write) -> None:
    write_sweep(one={0: "a"})
    (tmp_path / "trials" / "a" / "events").mkdir(parents=True)
    link_events(tmp_path, "mine")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("trials", "tensorboard"):
        (tmp_path / name).rename(moved / name)
    assert (moved / "tensorboard" / "mine" / "one seed 0").resolve() == (moved / "trials" / "a" / "events").resolve()


def test_what_is_no_link_is_left_alone(tmp_path: Path, write_sweep: Write) -> None:
    write_sweep(one={0: "a"})
    (tmp_path / "trials" / "a" / "events").mkdir(parents=True)
    own = tmp_path / "tensorboard" / "mine" / "notes"
    own.mkdir(parents=True)
    link_events(tmp_path, "mine")
    assert own.is_dir()


def test_nothing_is_made_where_there_are_no_events(tmp_path: Path, write_sweep: Write) -> None:
    write_sweep(one={0: "a"})
    link_events(tmp_path, "mine")
    assert not (tmp_path / "tensorboard").exists()


def test_a_file_system_without_links_is_an_error_of_the_system(
    tmp_path: Path, write_sweep: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(one={0: "a"})
    (tmp_path / "trials" / "a" / "events").mkdir(parents=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(PermissionError):
        link_events(tmp_path, "mine")
