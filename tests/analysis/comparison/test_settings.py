from pathlib import Path
from typing import Any

import pytest

from analysis.comparison.settings import (
    as_number,
    choice_words,
    setting_label,
    settings_of,
    shown_names,
    varying_keys,
)
from analysis.runs.records import read_trials, write_trial
from analysis.runs.sweep import PlannedVariant


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, 1.0), (0.5, 0.5), ("0.99", 0.99), ("8", 8.0), (0, 0.0)),
        *((True, None), (None, None), ("all", None), ((1, 2), None), ("inf", None), (float("nan"), None)),
    ],
)
def test_only_numbers_are_numbers(value: Any, expected: float | None) -> None:
    assert as_number(value) == expected


def test_settings_are_read_from_the_records(tmp_path: Path) -> None:
    def write(name: str, replicate: int, **settings: Any) -> None:
        row = {"trial_id": name, "config_hash": "0", "method": "simcvd", "seed": replicate, "status": "finished"}
        write_trial(tmp_path, row | {f"setting.{key}": value for key, value in settings.items()})

    same = {"data.crop_vox": [8, 8, 8], "augment.flip": True, "ema.decay": "auto"}
    write("a0", 0, seed=0, **{"loss.sdm": 0.0, "data.labeled": None}, **same)
    write("a1", 1, seed=1, **{"loss.sdm": 0.0, "data.labeled": None}, **same)
    write("b0", 0, seed=0, **{"loss.sdm": 0.1, "data.labeled": 4}, **same)
    found = settings_of(read_trials(tmp_path), {"a": ["a0", "a1"], "b": ["gone", "b0"], "c": ["gone"]})
    assert found["a"]["data.crop_vox"] == (8, 8, 8)
    assert "seed" not in found["a"]
    assert varying_keys(found.values()) == ("data.labeled", "loss.sdm")
    assert [found[name]["data.labeled"] for name in "ab"] == [None, 4]
    assert [found[name]["loss.sdm"] for name in "ab"] == [0.0, 0.1]
    assert found["c"] == {}


def test_nothing_recorded_varies_in_nothing() -> None:
    assert varying_keys([{}, {}]) == ()


def test_choices_are_named_by_what_differs() -> None:
    first = (("method", "dan"), ("loss.sdm", 0.1))
    assert choice_words(first, [first, (("method", "cps"), ("loss.sdm", 0.1))]) == "dan"
    assert choice_words(first, [first, (("method", "dan"), ("loss.sdm", 0.2))]) == "sdm = 0.1"
    assert choice_words(first, [first]) == ""


def test_labels_of_known_and_unknown_settings() -> None:
    assert setting_label("loss.temperature") == "Temperature τ"
    assert setting_label("noise.std") == "noise.std"


def test_a_sweeps_own_labels_go_before_the_papers_words() -> None:
    labels = {"loss.temperature": "T"}
    assert setting_label("loss.temperature", labels) == "T"
    assert choice_words((("loss.temperature", 1),), [(("loss.temperature", n),) for n in (1, 2)], labels) == "T = 1"


def test_rows_are_called_as_the_sweep_labels_their_settings() -> None:
    def row(name: str, **settings: Any) -> PlannedVariant:
        return PlannedVariant(name, {}, settings={key.replace("__", "."): value for key, value in settings.items()})

    rows = [
        row("dropout=0.1", projection__dropout=0.1),
        row("projection.dropout=0.2, pool_size=8", projection__dropout=0.2, projection__pool_size=8),
        row("no dropout", projection__dropout=0.0),
        row("dropout=none", loss__sdm=0.0),
    ]
    names = shown_names(rows, {"projection.dropout": "p"})
    assert list(names.values()) == ["p = 0.1", "p = 0.2, pool_size=8", "no dropout", "dropout=none"]
    assert shown_names(rows, {}) == {name: name for name in names}


def test_rows_that_would_be_called_the_same_keep_their_names() -> None:
    rows = [PlannedVariant(name, {}, settings={"loss.sdm": 1}) for name in ("sdm=1", "p = 1")]
    assert list(shown_names(rows, {"loss.sdm": "p"}).values()) == ["sdm=1", "p = 1"]
