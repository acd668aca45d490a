from collections.abc import Callable
from pathlib import Path

from analysis.runs.tried_setting import Training, TriedSetting, write_setting
from sweeps.tracking.names import folder_names, named_runs


def test_a_run_is_called_by_sweep_variant_and_seed(tmp_path: Path, write_sweep: Callable[..., None]) -> None:
    write_sweep(**{"dropout=0.1": {0: "a", 1: "b"}, "w/o SDM": {(0, 4): "c"}})
    assert {run.title: run.trial_id for run in named_runs(tmp_path, "mine")} == {
        "mine/dropout=0.1 seed 0": "a",
        "mine/dropout=0.1 seed 1": "b",
        "mine/w/o SDM seed 0 label split 4": "c",
    }


def test_a_trial_that_two_variants_share_is_found_under_both(tmp_path: Path, write_sweep: Callable[..., None]) -> None:
    write_sweep(one={0: "a"}, other={0: "a"})
    assert [(run.name, run.trial_id) for run in named_runs(tmp_path, "mine")] == [
        ("one seed 0", "a"),
        ("other seed 0", "a"),
    ]


def test_a_searched_setting_keeps_the_names_of_its_trainings_when_it_goes_on(
    tmp_path: Path, write_sweep: Callable[..., None]
) -> None:
    write_sweep(default={1: "a"})
    setting = TriedSetting(7, {}).training(100, "simcvd-s3-0123456789ab")
    folder = tmp_path / "sweeps" / "mine" / "search"
    write_setting(folder, setting)
    first = named_runs(tmp_path, "mine")
    assert [run.title for run in first] == ["mine/default seed 1", "mine/search 7 seed 3"]
    write_setting(folder, setting.training(200, "simcvd-s3-ba9876543210"))
    longer = named_runs(tmp_path, "mine")
    assert longer[:2] == first
    assert (longer[2].title, longer[2].seed) == ("mine/search 7 seed 3 training 2", 3)
    assert setting.trials == (Training(100, "simcvd-s3-0123456789ab"),)


def test_a_folders_name_holds_nothing_that_a_file_system_refuses() -> None:
    names = [r'a/b\c:d*e?f"g<h>i|j', "..", "line\nbreak", "ends with dots. .", "λ=0.1, µ", "x" * 400, "x" * 401]
    shown = folder_names(names)
    assert shown[names[0]] == "a-b-c-d-e-f-g-h-i-j"
    assert shown[".."] == "-"
    assert shown["line\nbreak"] == "line-break"
    assert shown["ends with dots. ."] == "ends with dots"
    assert shown["λ=0.1, µ"] == "λ=0.1, µ"
    assert all(len(each.encode()) <= 255 for each in shown.values())
    assert len(set(shown.values())) == len(names)


def test_folders_differ_even_where_large_and_small_letters_are_one() -> None:
    names = ["A", "a", "w/o", "w:o", "w-o", "B"]
    shown = folder_names(names)
    assert len({each.casefold() for each in shown.values()}) == len(names)
    assert shown["B"] == "B"
    assert folder_names(names[::-1]) == shown, "their order does not matter"
