import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.config import trial_id
from simcvd.data.store import Grid, Origin, Splits, build_info, open_info, write_case, write_info
from simcvd.errors import UserError
from simcvd.inference import export
from simcvd.inference.export import write_model
from simcvd.inference.model_folder import check_files, read_model
from simcvd.inference.weights import load_student
from simcvd.networks.base import Segmenter
from simcvd.scans.preprocessing import Preprocessing

MakeTrial = Callable[..., tuple[Path, Segmenter]]
RAS_1MM = Preprocessing(orientation="RAS", spacing_mm=(1.0, 1.0, 1.0))


@pytest.fixture
def trials(make_trial: MakeTrial) -> list[Path]:
    return [make_trial(1, RAS_1MM, seed=seed)[0] for seed in (1, 2)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A planned data set whose scans went the way of the trials."""
    folder = tmp_path / "data"
    label = np.zeros((16, 16, 16), np.uint8)
    label[4:9, 4:9, 4:9], label[10:12, 10:12, 10:12] = 1, 2
    grid = Grid((1.0, 1.0, 1.0), np.eye(4), label.shape)
    image = np.random.default_rng(0).normal(size=label.shape).astype(np.float32)
    info = build_info(
        folder,
        name="hearts",
        channels=("mr",),
        classes=("anterior", "posterior"),
        splits=Splits(train_labeled=("a",)),
        train_order=("a",),
        digests={"a": write_case(folder, "a", image, label, grid, classes=2)},
        origin=Origin("made by a test", preprocessing=RAS_1MM),
    )
    write_info(folder, info)
    (folder / "plan.yaml").write_text("training:\n  steps: 7  # because\n")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_holds_its_members_byte_for_byte_and_says_what_it_is(trials: list[Path], tmp_path: Path) -> None:
    (trials[1] / "environment.json").write_text("{}")
    info = write_model(tmp_path / "new" / "hearts", trials)
    found = content(tmp_path / "new" / "hearts")
    for number, trial in enumerate(trials):
        for path in trial.iterdir():
            assert found.pop(f"members/{number}/{path.name}") == path.read_bytes()
    assert set(found) == {"model.json", "README.md"}
    assert read_model(tmp_path / "new" / "hearts") == info
    assert (info.name, info.classes, info.image_channels) == ("hearts", ("anterior", "posterior"), 1)
    assert (info.preprocessing, info.dataset, info.channels) == (RAS_1MM, None, None)
    assert [(member.trial, member.method, member.seed) for member in info.members] == [
        ("trial-1-1", "simcvd", 1),
        ("trial-1-2", "simcvd", 2),
    ]
    check_files(tmp_path / "new" / "hearts", info, info.files)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hearts"]


def test_the_data_sets_name_channels_and_plan_and_further_files_go_in(
    trials: list[Path], dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "verdict.txt").write_text("better")
    extra = {"report.html": b"<p>", "more/verdict.txt": tmp_path / "verdict.txt"}
    info = write_model(tmp_path / "model", trials[:1], name="a  b\nc", dataset=dataset, extra=extra)
    assert info.name == "a b c"
    assert info.dataset is not None
    assert info.dataset.name == "hearts"
    assert info.channels == ("mr",)
    found = content(tmp_path / "model")
    assert found["plan.yaml"] == (dataset / "plan.yaml").read_bytes()
    assert (found["report.html"], found["more/verdict.txt"]) == (b"<p>", b"better")
    assert set(info.files) == set(found) - {"model.json"}
    card = found["README.md"].decode()
    for told in ("Trained on the data set hearts", "(mr)", "| plan.yaml |", "| report.html |", "| more/verdict.txt |"):
        assert told in card


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"channels": 2, "preprocessing": RAS_1MM}, "they take 1 and 2 channels"),
        ({"classes": ("anterior", "liver"), "preprocessing": RAS_1MM}, "their classes are anterior, posterior and ant"),
        ({"preprocessing": Preprocessing(orientation="RAS")}, "their scans were prepared with other voxels"),
        ({}, "their scans were prepared with other voxels or intensities; give trials of one data set"),
    ],
    ids=["channels", "classes", "preprocessing", "unknown preprocessing"],
)
def test_trials_that_do_not_fit_each_other_are_refused(
    other: dict[str, Any], told: str, trials: list[Path], make_trial: MakeTrial, tmp_path: Path
) -> None:
    third, _ = make_trial(**other, seed=3)
    with pytest.raises(UserError, match=f"can't be one model: {told}"):
        write_model(tmp_path / "model", [trials[0], third])
    assert not (tmp_path / "model").exists()


def test_an_unfinished_trial_none_and_one_twice_are_refused(trials: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(trials[0], tmp_path / "copy")
    wrong: dict[str, list[Path]] = {
        "No trial was given": [],
        "have the same weights; give each network once": [trials[0], copy],
        "There is no trial in .*nowhere": [trials[0], tmp_path / "nowhere"],
        "run its command again to finish": [trials[0], trials[1]],
    }
    (trials[1] / "student.safetensors").unlink()
    for told, given in wrong.items():
        with pytest.raises(UserError, match=told):
            write_model(tmp_path / "model", given)
    assert not (tmp_path / "model").exists()


def test_a_data_set_that_the_trials_were_not_trained_on_is_refused(
    trials: list[Path], dataset: Path, make_trial: MakeTrial, tmp_path: Path
) -> None:
    config = load_student(trials[0]).config
    right = trials[0].rename(tmp_path / trial_id(config, open_info(dataset).digest))
    wrong = trials[1].rename(tmp_path / trial_id(load_student(trials[1]).config, "of another data set"))
    assert write_model(tmp_path / "model", [right], dataset=dataset).dataset is not None
    plain, _ = make_trial(1, Preprocessing(), seed=3)
    for trial in (wrong, plain):
        with pytest.raises(UserError, match=f"{trial.name} was not trained on .*data as it is now"):
            write_model(tmp_path / "other", [trial], dataset=dataset)
    assert not (tmp_path / "other").exists()


def test_the_same_model_stays_another_is_refused_unless_it_is_to_give_way(trials: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "model"
    first = write_model(model, trials)
    (model / "notes.txt").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in model.rglob("*")}
    assert write_model(model, trials) == first
    assert before == {path: path.stat().st_mtime_ns for path in model.rglob("*")}
    with pytest.raises(UserError, match="holds another model, or this one changed; choose another folder, or give"):
        write_model(model, trials[:1])
    with pytest.raises(UserError, match=r"notes\.txt is no file of the model that would be replaced"):
        write_model(model, trials[:1], replace=True)
    (model / "notes.txt").unlink()
    second = write_model(model, trials[:1], replace=True)
    assert read_model(model) == second
    assert set(content(model)) == {"model.json", *second.files}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "trial-1-1", "trial-1-2"]


def test_a_damaged_model_is_written_anew_where_it_is_to_give_way(trials: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "model"
    first = write_model(model, trials)
    (model / "README.md").unlink()
    with pytest.raises(UserError, match="holds another model, or this one changed"):
        write_model(model, trials)
    check_files(model, write_model(model, trials, replace=True), first.files)
    (model / "model.json").write_text("{}")
    with pytest.raises(UserError, match="holds a damaged model; delete it"):
        write_model(model, trials, replace=True)


def test_files_that_are_no_model_never_give_way(trials: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (trials[0], tmp_path / "file"):
        with pytest.raises(UserError, match="is there and is no model"):
            write_model(place, trials, replace=True)
    (tmp_path / "empty").mkdir()
    write_model(tmp_path / "empty", trials)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["model.json", "members/2/config.yaml", "../a", "/a", "", "a/../b", "a\\b", "./a"])
def test_a_further_file_has_a_name_of_its_own_inside(name: str, trials: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be a further file"):
        write_model(tmp_path / "model", trials, extra={name: b""})


def test_a_write_that_is_cut_off_leaves_what_was_there(
    trials: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, files = export.write_file, 6
    new, old = tmp_path / "new", tmp_path / "old"
    before = write_model(old, trials[:1])
    there = {path.name for path in tmp_path.iterdir()}
    for place in (new, old):
        for written in range(files + 1):
            done = itertools.count()

            def write_until(path: Path, data: bytes | str, done: Iterator[int] = done, written: int = written) -> None:
                if next(done) == written:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(b"half")
                    raise KeyboardInterrupt
                real(path, data)

            monkeypatch.setattr(export, "write_file", write_until)
            with pytest.raises(KeyboardInterrupt) if written < files else nullcontext():
                write_model(place, trials, replace=True)
            if written < files:
                assert {path.name for path in tmp_path.iterdir()} == there
                assert read_model(old) == before
                check_files(old, before, before.files)
        there |= {place.name}
    assert read_model(new).masks_from == read_model(old).masks_from


def test_model_json_names_what_reading_needs_in_plain_words(trials: list[Path], tmp_path: Path) -> None:
    write_model(tmp_path / "model", trials)
    told = json.loads((tmp_path / "model" / "model.json").read_text())
    assert told["preprocessing"]["spacing_mm"] == [1, 1, 1]
    assert told["format_version"] == 1
    assert str(tmp_path) not in json.dumps(told)
