"""Best settings of earlier searches, from their files."""

import os
from pathlib import Path

import pytest
import yaml

from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError
from sweeps.tuning.space import MOST_EARLIER, earlier_best, read_start


def _best(runs: Path, name: str, age_s: int, **settings: object) -> None:
    file = runs / "sweeps" / name / "best.yaml"
    file.parent.mkdir(parents=True)
    config = apply_settings(load_preset("la"), settings)
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    os.utime(file, (10**9 - age_s, 10**9 - age_s))


def test_the_latest_searches_of_the_same_methods_help(tmp_path: Path) -> None:
    for number in range(MOST_EARLIER + 2):
        _best(tmp_path, f"search{number}", age_s=number, **{"loss.sdm": 0.1 + number / 100})
    _best(tmp_path, "other-method", age_s=-1, method="dtc")
    _best(tmp_path, "mine-search", age_s=-2, **{"loss.sdm": 0.9})
    (tmp_path / "sweeps" / "broken").mkdir()
    (tmp_path / "sweeps" / "broken" / "best.yaml").write_text("[")
    found = list(earlier_best(tmp_path, "mine-search", ["simcvd", "supervised"]))
    assert [settings["loss.sdm"] for settings in found] == pytest.approx([0.1, 0.11, 0.12])


def test_a_file_that_is_asked_for_must_be_right(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_start(tmp_path / "best.yaml")


def test_where_nothing_was_searched_nothing_helps(tmp_path: Path) -> None:
    assert list(earlier_best(tmp_path, "mine-search", ["simcvd"])) == []
