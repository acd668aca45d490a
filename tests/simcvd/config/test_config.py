import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from simcvd.config import (
    PRESETS,
    TrialConfig,
    apply_settings,
    config_hash,
    dotted_keys,
    from_file,
    load_preset,
    parse_assignment,
    trial_id,
)
from simcvd.errors import UserError

FIXED_KEYS = [
    "method",
    "seed",
    "data.labeled",
    "data.crop_vox",
    "training.steps",
    "training.batch_labeled",
    "training.batch_unlabeled",
    "training.learning_rate",
    "training.precision",
    "loss.sdm",
    "loss.contrast",
    "loss.distillation",
    "loss.consistency",
    "loss.temperature",
    "projection.dropout",
    "projection.pool_size",
    "projection.pooling",
    "network.dropout_bottleneck",
    "network.dropout_last",
    "ema.decay",
    "inference.stride_vox",
]


def test_names_that_scripts_hold_exist() -> None:
    assert set(FIXED_KEYS) <= dotted_keys().keys()


def test_defaults_are_the_papers_left_atrium_settings() -> None:
    config = load_preset("la")
    weights = config.loss
    assert (weights.sdm, weights.contrast, weights.distillation, weights.consistency) == (0.1, 0.5, 0.1, 0.1)
    assert weights.temperature == 0.5
    assert (config.projection.dropout, config.projection.pool_size) == (0.1, 128)
    assert (config.training.steps, config.training.learning_rate) == (6000, 0.01)
    assert (config.data.crop_vox, config.inference.stride_vox) == ((112, 112, 80), (18, 18, 4))
    assert config.ema_decay == 0.999


@pytest.mark.parametrize("name", PRESETS)
def test_preset_survives_its_own_config_file(name: str, tmp_path: Path) -> None:
    config = load_preset(name)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert from_file(path) == config


def test_short_runs_get_a_faster_teacher() -> None:
    config = apply_settings(load_preset("la"), {"training.steps": 400})
    assert config.ema_decay == pytest.approx(1 - 6 / 400)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training.steps=300", 300),
        ("training.learning_rate=1e-3", 0.001),
        ("data.crop_vox=32x48x32", (32, 48, 32)),
        ("data.crop_vox=[32, 48, 32]", (32, 48, 32)),
        ("data.crop_vox=32,48,32", (32, 48, 32)),
        ("loss.contrast=0", 0.0),
        ("data.labeled=null", None),
        ("data.labeled=16", 16),
        ("data.labeled=all", "all"),
        ("projection.pooling=max", "max"),
        ("augment.flip=false", False),
        ("ema.decay=0.99", 0.99),
        ("ema.decay=auto", "auto"),
        ("augment.local_shuffle.probability=0.5", 0.5),
    ],
)
def test_assignment_changes_one_setting(text: str, expected: object) -> None:
    key, value = parse_assignment(text)
    config = apply_settings(apply_settings(load_preset("la"), {"inference.stride_vox": [8, 8, 4]}), {key: value})
    found: object = config
    for name in key.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("projection.dropuot=0.2", "There is no setting 'projection.dropuot'.*did you mean projection.dropout"),
        ("dropout=0.2", "did you mean projection.dropout"),
        ("steps=3", "did you mean training.steps"),
        ("loss=3", "it is a section"),
        ("projection.dropout", "is no setting; expected key=value"),
        ("projection.dropout=1.0", "projection.dropout is 1.0: input should be less than 1"),
        ("projection.dropout=yes", "projection.dropout is 'yes': input should be a valid number"),
        ("projection.dropout=true", "projection.dropout is True: input should be a valid number"),
        ("training.compile=yes", "training.compile is 'yes': input should be a valid boolean"),
        ("data.labeled=0", "data.labeled is 0: input should be greater than or equal to 1"),
        ("data.labeled=most", "data.labeled is 'most': .*input should be 'all'"),
        ("training.steps=abc", "training.steps is 'abc': input should be a valid integer"),
        ("training.steps=1.5", "training.steps is 1.5"),
        ("training.precision=fp16", "'auto', 'float32' or 'bfloat16'"),
        ("data.crop_vox=30,30,30", "multiples of 16"),
        ("data.crop_vox=32,32", "data.crop_vox is"),
        ("inference.stride_vox=128,4,4", "larger than data.crop_vox"),
        ("loss.contrast=nan", "loss.contrast"),
    ],
)
def test_wrong_assignment_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        apply_settings(load_preset("la"), dict([parse_assignment(text)]))
    assert "\n" not in str(caught.value)


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean pancreas"):
        load_preset("pancrea")


@pytest.mark.parametrize("content", ["- 1\n", "a: [", "training: {stepz: 3}"])
def test_wrong_settings_file_gets_a_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"):
        from_file(path)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig().seed = 3  # type: ignore[misc]


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


def test_a_section_of_another_method_is_no_part_of_the_identity() -> None:
    config = load_preset("phantom")
    other = {"ua_mt.passes": 4}
    assert config_hash(apply_settings(config, other), "d") == config_hash(config, "d")
    ua_mt = apply_settings(config, {"method": "ua_mt"})
    assert config_hash(apply_settings(ua_mt, other), "d") != config_hash(ua_mt, "d")


def test_the_papers_simcvd_augments_no_intensities() -> None:
    assert not load_preset("la").augment.changes_intensities
    assert apply_settings(load_preset("la"), {"augment.out_painting.probability": 0.1}).augment.changes_intensities


def test_sides_of_boxes_are_a_range() -> None:
    with pytest.raises(UserError, match=r"min_side is 0.6, expected no more than max_side, 0.57"):
        apply_settings(load_preset("la"), {"augment.out_painting.min_side": 0.6})


def test_settings_import_no_torch() -> None:
    code = "import sys, simcvd.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
