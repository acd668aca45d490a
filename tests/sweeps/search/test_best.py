import shlex
from pathlib import Path

import yaml

from analysis.runs.tried_setting import TriedSetting
from simcvd.config import TrialConfig, apply_settings, load_preset, parse_assignment
from sweeps.search.best import best_of, train_command, write_best

FOUND = TriedSetting(3, {"loss.sdm": 0.25, "projection.pool_size": 16}, state="complete", value=0.8)


def test_the_best_is_complete_and_the_earliest_of_equal_ones() -> None:
    tried = [
        TriedSetting(0, {}, state="complete", value=0.7),
        TriedSetting(1, {}, state="pruned", value=0.9),
        FOUND,
        TriedSetting(4, {}, state="complete", value=0.8),
        TriedSetting(5, {}, state="failed"),
    ]
    assert best_of(tried) == FOUND
    assert best_of(tried[1:2]) is None


def test_the_command_to_paste_trains_the_same_trial(make_plan) -> None:
    plan = make_plan()
    words = shlex.split(train_command(plan, FOUND, Path("my data"), Path("runs"), "phantom"))
    assert words[:7] == ["simcvd", "train", "my data", "--out", "runs", "--preset", "phantom"]
    assert set(words[7::2]) == {"--set"}
    settings = dict(parse_assignment(text) for text in words[8::2])
    assert apply_settings(load_preset("phantom"), settings) == plan.trial(FOUND.params, plan.steps)[1]


def test_the_file_holds_all_settings_below_the_command(make_plan, tmp_path: Path) -> None:
    plan = make_plan()
    text = write_best(tmp_path, plan, FOUND, "simcvd train").read_text()
    assert text.splitlines()[:2] == [
        "# Best of the search mine: setting 3, dice 0.8000 on val cases.",
        "# simcvd train",
    ]
    assert TrialConfig.model_validate(yaml.safe_load(text), strict=False) == plan.trial(FOUND.params, plan.steps)[1]
