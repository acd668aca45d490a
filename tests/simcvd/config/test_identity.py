from typing import Any

import pytest

from simcvd.config import (
    apply_settings,
    config_hash,
    load_preset,
    trial_id,
)


def test_identity_follows_settings_and_data_alone() -> None:
    config = load_preset("phantom")
    assert config_hash(config, "d") == config_hash(load_preset("phantom"), "d")
    others = {
        config_hash(config, "e"),
        config_hash(apply_settings(config, {"seed": 1}), "d"),
        config_hash(apply_settings(config, {"projection.dropout": 0.2}), "d"),
    }
    assert len(others | {config_hash(config, "d")}) == 4
    assert trial_id(config, "d").startswith("simcvd-s0-")


def test_equal_numbers_written_differently_are_one_trial() -> None:
    config = load_preset("phantom")
    assert config_hash(apply_settings(config, {"loss.contrast": 1}), "d") == config_hash(
        apply_settings(config, {"loss.contrast": 1.0}), "d"
    )


@pytest.mark.parametrize(
    ("preset", "method", "expected"),
    [
        ("la", "simcvd", "simcvd-s0-6f5a2a79bd01"),
        ("la", "ua_mt", "ua_mt-s0-6caa1498146a"),
        ("pancreas", "simcvd", "simcvd-s0-fa92e44750dd"),
        ("phantom", "simcvd", "simcvd-s0-24c0cbc4247b"),
    ],
)
def test_trials_of_earlier_versions_are_still_found(preset: str, method: str, expected: str) -> None:
    """Their names, as they were before there were augmentations of the intensities."""
    assert trial_id(apply_settings(load_preset(preset), {"method": method}), "digest") == expected


def test_an_augmentation_that_is_off_is_no_part_of_the_identity() -> None:
    config = load_preset("phantom")
    size, switch = {"augment.in_painting.boxes": 3}, {"augment.in_painting.probability": 0.5}
    assert config_hash(apply_settings(config, size), "d") == config_hash(config, "d")
    found = {config_hash(apply_settings(config, changes), "d") for changes in ({}, switch, switch | size)}
    assert len(found) == 3
    for name in ("local_shuffle", "nonlinear_intensity", "in_painting", "out_painting"):
        found.add(config_hash(apply_settings(config, {f"augment.{name}.probability": 1}), "d"))
    assert len(found) == 7


def test_strides_count_where_they_are_not_those_of_version_0_1() -> None:
    config = load_preset("la")
    halving = apply_settings(config, {"network.strides": [[2, 2, 2]] * 4})
    thick = apply_settings(config, {"network.strides": [[2, 2, 1], *[[2, 2, 2]] * 3]})
    assert config_hash(halving, "d") == config_hash(config, "d") != config_hash(thick, "d")


def test_a_section_of_another_method_is_no_part_of_the_identity() -> None:
    config = load_preset("phantom")
    other = {"ua_mt.passes": 4}
    assert config_hash(apply_settings(config, other), "d") == config_hash(config, "d")
    ua_mt = apply_settings(config, {"method": "ua_mt"})
    assert config_hash(apply_settings(ua_mt, other), "d") != config_hash(ua_mt, "d")


@pytest.mark.parametrize(
    ("preset", "changes", "expected"),
    [
        ("la", {}, "simcvd-s0-a63bf52f6b9c"),
        ("la", {"training.checkpoint_every_steps": 50}, "simcvd-s0-c7d2005d4d9f"),
        ("pancreas", {"method": "ua_mt"}, "ua_mt-s0-a67379c8f82a"),
        ("phantom", {"method": "chaitanya"}, "chaitanya-s0-b194190e307c"),
    ],
)
def test_trials_of_version_0_1_keep_their_ids(preset: str, changes: dict[str, Any], expected: str) -> None:
    """Or a runs folder of that version would be trained anew."""
    assert trial_id(apply_settings(load_preset(preset), changes), "d") == expected


@pytest.mark.parametrize(
    ("preset", "changes", "expected"),
    [
        ("la", {"data.labeled": 8}, "b143f6d0afb63461fb02d8a18b27c7849e3f2f689a3dbaaf43c47c6751fe7886"),
        (
            "phantom",
            {"data.labeled": "all", "data.label_split": 3},
            "86eea6559c97701a4090494b3fec5c62dbbf81b5b47a8a0d1d9f823a357d9870",
        ),
        (
            "phantom",
            {"method": "supervised", "supervised.whole_batch": False},
            "238f5a04e7088cce606041f619e785b6302b2950f6054bd7711b5650ca85c259",
        ),
    ],
)
def test_trials_are_what_they_were_before_cases_could_be_held_out(
    preset: str, changes: dict[str, Any], expected: str
) -> None:
    config = apply_settings(load_preset(preset), changes)
    assert config_hash(config, "d") == expected
    assert config_hash(apply_settings(config, {"data.fold": None, "data.train_on_val": False}), "d") == expected


def test_what_trains_otherwise_than_before_is_another_trial_and_the_same_as_before_the_same() -> None:
    """The ids of version 0.2, whose supervised training read fewer crops, and whose entropy weighed a hundredth."""
    before: dict[str, tuple[str, dict[str, Any]]] = {
        "supervised": ("supervised-s0-d1004bddb281", {"supervised.whole_batch": False}),
        "entropy_min": (
            "entropy_min-s0-fce3934c323c",
            {
                "entropy_min.entropy": 0.001,
                "entropy_min.ramp_up_fraction": 0,
                "entropy_min.entropy_of": "unlabeled",
            },
        ),
    }
    for method, (identity, changes) in before.items():
        config = apply_settings(load_preset("la"), {"method": method})
        assert trial_id(apply_settings(config, changes), "d") == identity
        assert trial_id(config, "d") != identity


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("mean_teacher", {"mean_teacher.noise_on": "teacher"}),
        ("ua_mt", {"ua_mt.noise_on": "teacher"}),
        ("cps", {"cps.cross_on": "unlabeled"}),
        ("dan", {"dan.discriminator_after": True}),
        ("sassnet", {"sassnet.discriminator_after": True}),
        ("dtc", {"dtc.cross_entropy_part": 0}),
        ("ict", {"ict.dice_of": "all"}),
        ("simcvd", {"sdm.scope": "patch", "sdm.absent": "zero"}),
    ],
)
def test_each_public_setting_makes_another_trial(method: str, changes: dict[str, Any]) -> None:
    config = apply_settings(load_preset("la"), {"method": method})
    assert config_hash(apply_settings(config, changes), "d") != config_hash(config, "d")


def test_each_fold_and_the_training_on_all_labels_is_a_trial_of_its_own() -> None:
    changes: list[dict[str, Any]] = [{}, {"data.train_on_val": True}]
    changes += [{"data.fold": [number, parts]} for parts in (2, 3) for number in range(parts)]
    found = {config_hash(apply_settings(load_preset("phantom"), each), "d") for each in changes}
    assert len(found) == len(changes)
