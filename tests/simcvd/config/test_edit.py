from pathlib import Path

import pytest
import yaml

from simcvd.config import (
    PRESETS,
    TrialConfig,
    apply_settings,
    dotted_keys,
    from_file,
    load_preset,
    parse_assignment,
)
from simcvd.config.edit import flatten, setting_problem
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


@pytest.mark.parametrize("name", PRESETS)
def test_preset_survives_its_own_config_file(name: str, tmp_path: Path) -> None:
    config = load_preset(name)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert from_file(path) == config


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
        ("data.fold=[0,4]", (0, 4)),
        ("data.fold=[3, 4]", (3, 4)),
        ("data.fold=1,2", (1, 2)),
        ("data.fold=none", None),
        ("data.train_on_val=true", True),
        ("projection.pooling=max", "max"),
        ("augment.flip=false", False),
        ("ema.decay=0.99", 0.99),
        ("ema.decay=auto", "auto"),
        ("augment.local_shuffle.probability=0.5", 0.5),
        ("network.strides=2x2x1,2x2x1,2x2x2,2x2x2", ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2))),
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
        ("data.fold=[4,4]", r"data.fold is \[4, 4\]: the 4 parts are numbered from 0 to 3\.$"),
        ("data.fold=[0,1]", r"data.fold is \[0, 1\]: expected \[number, parts\] with 2 parts or more\.$"),
        ("data.fold=[-1,4]", "data.fold is -1: input should be greater than or equal to 0"),
        ("data.fold=4", "data.fold is 4: input should be a valid array"),
        ("data.fold=[0,2,4]", "data.fold is .*: tuple should have at most 2 items"),
        ("data.train_on_val=1", "data.train_on_val is 1: input should be a valid boolean"),
        ("data.labeled=0", "data.labeled is 0: input should be greater than or equal to 1"),
        ("data.labeled=most", "data.labeled is 'most': .*input should be 'all'"),
        ("training.steps=0600", "The value 0600 is wrong: 0600 means different things in YAML 1.1 and 1.2"),
        ("training.steps=abc", "training.steps is 'abc': input should be a valid integer"),
        ("training.steps=1.5", "training.steps is 1.5"),
        ("training.precision=fp16", "'auto', 'float32' or 'bfloat16'"),
        ("data.crop_vox=30,30,30", r"multiples of 16: .*\(network\.strides\)"),
        ("network.strides=2x2x3,2x2x1,2x2x2,2x2x2", "network.strides is 3: input should be less than or equal to 2"),
        ("network.strides=2x2x1,2x2x1,2x2x2", "network.strides"),
        ("data.crop_vox=32,32", "data.crop_vox is"),
        ("inference.stride_vox=128,4,4", "larger than data.crop_vox"),
        ("loss.contrast=nan", "loss.contrast"),
    ],
)
def test_wrong_assignment_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        apply_settings(load_preset("la"), dict([parse_assignment(text)]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("training.lr", "training.learning_rate"),
        ("lr", "training.learning_rate"),
        ("LR", "training.learning_rate"),
        ("training.batch_size", "training.batch_labeled or training.batch_unlabeled"),
        ("epochs", "training.steps"),
        ("wd", "training.weight_decay"),
        ("optimizer.wd", "training.weight_decay"),
        ("dropout", "projection.dropout or network.dropout_bottleneck or network.dropout_last"),
        ("network.dropout", "network.dropout_bottleneck or network.dropout_last"),
        ("patch_size", "data.crop_vox"),
        ("training.momentun", "training.momentum"),
        ("momentun", "training.momentum"),
        ("loss.contrst", "loss.contrast"),
        ("ua_mt.consistncy", "ua_mt.consistency"),
        ("trainig.steps", "training.steps"),
        ("lossdm", "loss.sdm"),
        ("loss.alpha", "loss.sdm"),
    ],
)
def test_a_wrong_key_is_answered_with_the_one_that_was_meant(key: str, keys: str) -> None:
    with pytest.raises(UserError) as told:
        parse_assignment(f"{key}=1")
    assert str(told.value) == f"There is no setting '{key}' (settings); did you mean {keys}?"


def test_a_key_like_no_other_is_answered_with_the_command_that_lists_them() -> None:
    with pytest.raises(UserError, match=r"'training\.foo' .*; `simcvd settings training` lists those there are\.$"):
        parse_assignment("training.foo=1")
    with pytest.raises(UserError, match=r"'foo\.bar' .*; `simcvd settings` lists all of them\.$"):
        parse_assignment("foo.bar=1")
    assert setting_problem("training.lr", 1) == "unknown setting, did you mean training.learning_rate?"
    assert setting_problem("foo", 1) == "unknown setting, `simcvd settings` lists all of them"


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean pancreas"):
        load_preset("pancrea")


@pytest.mark.parametrize("content", ["- 1\n", "a: [", "training: {stepz: 3}"])
def test_wrong_settings_file_gets_a_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"):
        from_file(path)


@pytest.mark.parametrize(
    "text", ["010x010x010", "²x2x2", "--2x2x2", "1_0,1_0", "٣x٣x٣", "1:40", "0x10", "1_000", "010"]
)
def test_what_is_no_plain_number_is_none(text: str) -> None:
    for key in ("data.crop_vox", "training.steps"):
        with pytest.raises(UserError):
            apply_settings(TrialConfig(), dict([parse_assignment(f"{key}={text}")]))


@pytest.mark.parametrize("key", ["seed", "data.label_split"])
def test_seeds_are_below_2_to_the_power_of_63(key: str) -> None:
    changed = apply_settings(TrialConfig(), {key: 2**63 - 1, "data.labeled": 2})
    assert flatten(changed)[key] == 2**63 - 1
    with pytest.raises(UserError, match=f"{key} is 9223372036854775808: input should be less than"):
        apply_settings(TrialConfig(), {key: 2**63, "data.labeled": 2})


def test_val_cases_are_not_trained_on_where_a_fold_is_held_out() -> None:
    both = {"data.train_on_val": True, "data.fold": [0, 4]}
    for settings in (both, dict(reversed(both.items()))):
        with pytest.raises(
            UserError, match=r"data\.train_on_val is True: expected false where data\.fold is set"
        ) as told:
            apply_settings(TrialConfig(), settings)
        assert "\n" not in str(told.value)
    assert apply_settings(TrialConfig(), both | {"data.train_on_val": False}).data.fold == (0, 4)


def test_file_of_a_trial_from_before_a_setting_came_is_what_that_trial_did(tmp_path: Path) -> None:
    """A trial's folder is told by its environment.json; a file that a person writes has the defaults of today."""
    path = tmp_path / "config.yaml"
    path.write_text("method: supervised\nentropy_min: {entropy: 0.001}\n")
    assert from_file(path).supervised.whole_batch
    (tmp_path / "environment.json").write_text("{}")
    trial = from_file(path)
    assert not trial.supervised.whole_batch
    assert (trial.entropy_min.ramp_up_fraction, trial.entropy_min.entropy_of) == (0, "unlabeled")
    path.write_text("method: supervised\nsupervised: {whole_batch: true}\n")
    assert from_file(path).supervised.whole_batch
