from pathlib import Path
from typing import Any

import pytest

from simcvd.config import config_hash, trial_id
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile, load_sweep
from sweeps.definition.changes import Changes
from sweeps.definition.expand import all_trials, expand


def _sweep(**content: Any) -> SweepFile:
    return SweepFile.model_validate({"name": "mine", **content})


def test_the_dropout_sweep_has_seven_variants_times_three_seeds() -> None:
    variants = expand(load_sweep("dropout"), "digest")
    assert [variant.name for variant in variants][:2] == ["dropout=0.0", "dropout=0.01"]
    assert [variant.name for variant in variants if variant.reference] == ["dropout=0.1"]
    assert len({trial.id for trial in all_trials(variants)}) == 21


def test_a_trial_has_the_identity_of_its_settings_and_data_set() -> None:
    sweep = load_sweep("dropout")
    trial = expand(sweep, "digest")[0].trials[1]
    assert trial.id == trial_id(trial.config, "digest")
    assert (trial.config.seed, trial.config.projection.dropout) == (1, 0.0)
    assert expand(sweep, "digest")[0].trials[1] == trial
    assert expand(sweep, "other")[0].trials[1].id != trial.id


def test_more_trainings_than_can_be_planned_are_refused() -> None:
    sweep, changes = load_sweep("dropout"), Changes(seeds=range(2000), label_splits=range(10))
    with pytest.raises(UserError, match="The sweep dropout would have 140,000 trainings, and 100,000 at most"):
        expand(sweep, "digest", changes)


def test_axes_give_all_combinations() -> None:
    variants = expand(
        _sweep(axes={"loss.sdm": [0, 0.1], "data.crop_vox": [[32, 32, 32], [48, 48, 32]]}),
        "d",
        Changes(preset="phantom"),
    )
    assert [variant.name for variant in variants] == [
        "sdm=0, crop_vox=32x32x32",
        "sdm=0, crop_vox=48x48x32",
        "sdm=0.1, crop_vox=32x32x32",
        "sdm=0.1, crop_vox=48x48x32",
    ]


def test_axes_with_equal_last_words_are_named_in_full() -> None:
    variants = expand(_sweep(axes={"training.learning_rate": [0.1], "noise.std": [0.1], "loss.sdm": [1]}), "d")
    assert variants[0].name == "learning_rate=0.1, std=0.1, sdm=1"


def test_later_ones_win_over_preset_base_and_overrides() -> None:
    sweep = _sweep(
        base={"preset": "pancreas", "training.steps": 7, "loss.contrast": 0.3},
        variants=[{"name": "a", "set": {"loss.sdm": 2}}],
    )
    config = expand(sweep, "d", Changes({"training.steps": 9}))[0].trials[0].config
    assert config.data.crop_vox == (96, 96, 96)
    assert (config.training.steps, config.loss.contrast, config.loss.sdm) == (9, 0.3, 2.0)
    assert expand(sweep, "d", Changes(preset="phantom"))[0].trials[0].config.data.crop_vox == (32, 32, 32)


def test_an_override_reaches_the_variants_that_do_not_set_its_key() -> None:
    rows = [{"name": "a", "set": {"loss.sdm": 2, "training.steps": 3}}, {"name": "b", "set": {"loss.sdm": 1}}]
    sweep = _sweep(variants=rows, base={"training.steps": 5})
    configs = [variant.trials[0].config for variant in expand(sweep, "d", Changes({"training.steps": 9}))]
    assert [config.training.steps for config in configs] == [3, 9]
    assert [config.training.steps for config in (v.trials[0].config for v in expand(sweep, "d"))] == [3, 5]


def test_the_methods_sweep_has_twelve_rows_and_takes_a_number_of_labels() -> None:
    for overrides, labeled in (({}, None), ({"data.labeled": 8}, 8)):
        variants = expand(load_sweep("methods"), "d", Changes(overrides))
        first = [variant.trials[0].config for variant in variants]
        assert [config.data.labeled for config in first] == ["all", *[labeled] * 11]
        assert [config.method for config in first[:2]] == ["supervised", "supervised"]
        assert [variant.name for variant in variants if variant.reference] == ["SimCVD"]
        assert len({trial.id for trial in all_trials(variants)}) == 36


def test_seeds_of_the_call_replace_those_of_the_file() -> None:
    variants = expand(load_sweep("dropout"), "d", Changes(seeds=[4, 2]))
    assert [trial.seed for trial in variants[0].trials] == [4, 2]


def test_trials_come_seed_by_seed() -> None:
    trials = all_trials(expand(_sweep(axes={"loss.sdm": [0, 1]}, seeds=[0, 1]), "d"))
    assert [(trial.variant, trial.seed) for trial in trials] == [("sdm=0", 0), ("sdm=1", 0), ("sdm=0", 1), ("sdm=1", 1)]


@pytest.mark.parametrize(
    ("content", "overrides", "sentence"),
    [
        ({"axes": {"loss.sdm": [0, 1]}}, {"loss.sdm": 2}, "loss.sdm is varied by the sweep mine"),
        ({"axes": {"loss.sdm": [0, 1]}}, {"loss": {"sdm": 2}}, "loss.sdm is varied by the sweep mine"),
        (
            {"variants": [{"name": "a", "set": {"loss.sdm": 1}}, {"name": "b", "set": {"loss.sdm": 2}}]},
            {"loss.sdm": 2},
            "loss.sdm is varied by the sweep mine",
        ),
        (
            {"variants": [{"name": "a", "set": {"loss.sdm": 1}}, {"name": "b", "set": {}}]},
            {"loss.sdm": 1},
            r"'a' and 'b' of the sweep mine are one trial; drop one, or change what is set for all \(loss.sdm\)",
        ),
        ({"axes": {"loss.sdm": [0, 1]}}, {"seed": 2}, "--seeds"),
        ({"axes": {"seed": [0, 1]}}, {}, "--seeds"),
        ({"axes": {"loss.smd": [0, 1]}}, {}, "did you mean loss.sdm"),
        ({"axes": {"loss.sdm": [0, -1]}}, {}, "loss.sdm"),
        ({"axes": {"loss.sdm": [0, 0]}}, {}, "listed twice"),
        ({"axes": {"loss.sdm": [0, 0.0]}}, {}, "are one trial"),
        ({"axes": {"loss.sdm": [0, 1]}, "reference": {"loss.sdm": 2}}, {}, "fits 0 variants"),
        ({"axes": {"loss.sdm": [0, 1]}, "reference": "sdm=3"}, {}, "fits 0 variants, expected one of: sdm=0, sdm=1"),
        ({"axes": {"loss.sdm": [0], "loss.contrast": [0, 1]}, "reference": {"loss.sdm": 0}}, {}, "fits 2 variants"),
        ({"axes": {"loss.sdm": [0]}, "base": {"preset": "lla"}}, {}, "no preset 'lla'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    content: dict[str, Any], overrides: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        expand(_sweep(**content), "d", Changes(overrides))


def test_a_reference_is_found_by_value_or_name() -> None:
    for reference in ({"loss.sdm": 1.0}, "sdm=1"):
        variants = expand(_sweep(axes={"loss.sdm": [0, 1]}, reference=reference), "d")
        assert [variant.reference for variant in variants] == [False, True]


def _include(folder: Path, *files: str) -> str:
    names = []
    for number, content in enumerate(files):
        path = folder / f"part{number}.yaml"
        path.write_text(f"name: part{number}\n{content}")
        names.append(str(path))
    whole = folder / "whole.yaml"
    whole.write_text(f"name: whole\ninclude: {names}")
    return str(whole)


def test_included_variants_keep_their_base_their_group_and_their_published_name(tmp_path: Path) -> None:
    sweep = load_sweep(
        _include(
            tmp_path,
            "base: {training.steps: 7}\naxes: {loss.sdm: [0, 1]}",
            "variants: [{name: a, group: own, published: b, set: {loss.sdm: 0}}]",
        )
    )
    variants = expand(sweep, "d")
    assert [(variant.name, variant.group) for variant in variants] == [
        ("sdm=0", "part0"),
        ("sdm=1", "part0"),
        ("a", "own"),
    ]
    assert [variant.trials[0].config.training.steps for variant in variants] == [7, 7, 6000]
    assert variants[2].published == "b"
    hashes = {config_hash(variant.trials[0].config, "d") for variant in variants}
    assert len(hashes) == 3


def test_different_included_variants_of_one_name_are_refused(tmp_path: Path) -> None:
    sweep = load_sweep(_include(tmp_path, "axes: {loss.sdm: [0]}", "base: {seed: 0}\naxes: {loss.sdm: [0]}"))
    with pytest.raises(UserError, match="--seeds"):
        expand(sweep, "d")
    sweep = load_sweep(_include(tmp_path, "axes: {loss.sdm: [0]}", "base: {ema.decay: 0.9}\naxes: {loss.sdm: [0]}"))
    with pytest.raises(UserError, match="includes 2 different variants called 'sdm=0'"):
        expand(sweep, "d")
