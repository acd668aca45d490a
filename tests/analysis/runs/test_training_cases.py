import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.records import read_trials, write_trial
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant, Sweep
from analysis.runs.training_cases import COLUMNS, TrainingCases, differ, training_cases

Make = Callable[..., dict[str, Any]]


def sweep(folder: Path | None, *names: str) -> Sweep:
    variants = tuple(PlannedVariant(name, {Replicate(0): f"{name}-0", Replicate(1): f"{name}-1"}) for name in names)
    return Sweep("toy", "dice", (), None, "toy", folder, variants, {})


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    splits = {"train_labeled": list("abcdefgh"), "train_unlabeled": list("ij"), "val": ["k"], "test": ["l"]}
    (folder / "dataset.json").write_text(json.dumps({"splits": splits}))
    return folder


def found(runs: Path, make: Make, folder: Path | None, *given: tuple[str, Any]) -> TrainingCases:
    """Write two trials of a variant with a method and `data.labeled` each, and tell their cases."""
    for seed, (method, labeled) in enumerate(given):
        setting = {} if labeled == "no setting" else {"setting.data.labeled": labeled}
        write_trial(runs, make(f"v-{seed}", seed, method=method) | setting)
    trials = read_trials(runs, None, ["trial_id", *COLUMNS])
    return training_cases(sweep(folder, "v"), trials)["v"]


@pytest.mark.parametrize(
    ("method", "labeled", "expected"),
    [
        ("simcvd", 3, TrainingCases(3, 7)),
        ("supervised", 3, TrainingCases(3, 0)),
        ("simcvd", None, TrainingCases(8, 2)),
        ("simcvd", "no setting", TrainingCases(8, 2)),
        ("simcvd", "all", TrainingCases(10, 0)),
        ("supervised", "all", TrainingCases(10, 0)),
    ],
)
def test_cases_are_told_from_the_setting_and_the_data_set(
    tmp_path: Path, make_trial: Make, dataset: Path, method: str, labeled: Any, expected: TrainingCases
) -> None:
    assert found(tmp_path, make_trial, dataset, (method, labeled), (method, labeled)) == expected


def test_numbers_and_words_may_stand_in_one_column(tmp_path: Path, make_trial: Make, dataset: Path) -> None:
    for name, labeled in (("a", 3), ("b", "all")):
        write_trial(tmp_path, make_trial(f"{name}-0", method="simcvd") | {"setting.data.labeled": labeled})
    trials = read_trials(tmp_path, None, ["trial_id", *COLUMNS])
    assert training_cases(sweep(dataset, "a", "b"), trials) == {"a": TrainingCases(3, 7), "b": TrainingCases(10, 0)}


def test_without_the_data_set_a_number_is_still_known(tmp_path: Path, make_trial: Make) -> None:
    for folder in (None, tmp_path / "gone"):
        assert found(tmp_path, make_trial, folder, ("simcvd", 3)) == TrainingCases(3, None)
        assert found(tmp_path, make_trial, folder, ("simcvd", "all")) == TrainingCases(None, None)


def test_a_broken_data_set_file_is_no_reason_to_fail(tmp_path: Path, make_trial: Make) -> None:
    (tmp_path / "dataset.json").write_text("{")
    assert found(tmp_path, make_trial, tmp_path, ("simcvd", 3)) == TrainingCases(3, None)


def test_trials_of_a_variant_that_disagree_tell_nothing(tmp_path: Path, make_trial: Make, dataset: Path) -> None:
    assert found(tmp_path, make_trial, dataset, ("simcvd", 3), ("simcvd", 4)) == TrainingCases()


def test_a_table_shows_them_where_they_differ() -> None:
    eight, all_, unknown = TrainingCases(8, 72), TrainingCases(80, 0), TrainingCases()
    assert [differ(cases) for cases in ([eight, eight], [eight, all_], [eight, unknown], [])] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("setting", [{"setting.data.fold": [0, 4]}, {"setting.data.train_on_val": True}])
def test_numbers_of_a_trial_that_holds_cases_out_or_adds_some_are_not_guessed(
    tmp_path: Path, make_trial: Make, dataset: Path, setting: dict[str, Any]
) -> None:
    write_trial(tmp_path, make_trial("a-0", method="simcvd") | {"setting.data.labeled": 3} | setting)
    write_trial(tmp_path, make_trial("b-0", method="simcvd") | {"setting.data.labeled": 3})
    write_trial(
        tmp_path,
        make_trial("c-0", method="simcvd")
        | {"setting.data.labeled": 3, "setting.data.fold": None, "setting.data.train_on_val": False},
    )
    trials = read_trials(tmp_path, None, ["trial_id", *COLUMNS])
    known = TrainingCases(3, 7)
    assert training_cases(sweep(dataset, "a", "b", "c"), trials) == {"a": TrainingCases(), "b": known, "c": known}
