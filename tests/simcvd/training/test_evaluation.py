from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from simcvd.config import TrialConfig, apply_settings
from simcvd.errors import UserError
from simcvd.inference.evaluate import CaseScores
from simcvd.inference.export import write_model
from simcvd.inference.weights import save_student
from simcvd.networks.base import Segmenter
from simcvd.networks.build import build_network
from simcvd.training.evaluation import count_cases, evaluate_trial


def _trial(
    folder: Path,
    config: TrialConfig,
    channels: int = 1,
    classes: tuple[str, ...] = ("outer", "inner"),
    favours: tuple[int, float] | None = None,
) -> Path:
    """Write what a finished trial leaves, with the first weights that come; it may favour a class everywhere."""
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    network = build_network(config, channels, len(classes) + 1)
    if favours is not None:
        assert network.heads.bias is not None
        with torch.no_grad():
            network.heads.bias[favours[0]] += favours[1]
    save_student(folder, Segmenter(network), config, channels, classes)
    return folder


@pytest.fixture
def config(tiny_config: TrialConfig) -> TrialConfig:
    return apply_settings(tiny_config, {"training.precision": "float32"})


def test_cases_of_the_split_are_scored_or_those_that_are_asked_for(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    trial, seen = _trial(tmp_path / "trial", config), list[str]()
    scores = evaluate_trial(
        trial, tiny_dataset, "test", device="cpu", only={"case7", "case5"}, on_case=lambda case, _: seen.append(case)
    )
    assert [(score.case_id, score.class_name) for score in scores] == [("case7", "outer"), ("case7", "inner")]
    assert seen == ["case7"]


@pytest.mark.parametrize(("channels", "classes"), [(2, ("outer", "inner")), (1, ("inner", "outer"))])
def test_a_data_set_of_other_channels_or_classes_is_refused(
    channels: int, classes: tuple[str, ...], tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    trial = _trial(tmp_path / "trial", config, channels, classes)
    with pytest.raises(
        UserError, match=rf"was trained on {channels} channels and the classes .* has 1 and outer, inner"
    ):
        evaluate_trial(trial, tiny_dataset, "test", device="cpu")


def test_a_model_is_scored_and_one_of_one_network_like_its_trial(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    sizes = {"data.crop_vox": [16, 16, 16], "inference.stride_vox": [16, 16, 16], "network.width": 3}
    other = apply_settings(config, {"seed": 1} | sizes)
    trials = [
        _trial(tmp_path / "first", config, favours=(0, 2.0)),
        _trial(tmp_path / "second", other, favours=(1, 100.0)),
    ]
    write_model(tmp_path / "one", trials[:1])
    write_model(tmp_path / "both", trials)

    def scored(folder: Path) -> tuple[list[CaseScores], dict[str, np.ndarray]]:
        masks: dict[str, np.ndarray] = {}
        return evaluate_trial(folder, tiny_dataset, "val", device="cpu", on_case=masks.__setitem__), masks

    alone, one, both = (scored(folder) for folder in (trials[0], tmp_path / "one", tmp_path / "both"))
    assert repr(one[0]) == repr(alone[0])
    assert [(score.case_id, score.class_name) for score in both[0]] == [("case5", "outer"), ("case5", "inner")]
    np.testing.assert_array_equal(one[1]["case5"], alone[1]["case5"])
    assert (both[1]["case5"] == 1).all()
    assert (alone[1]["case5"] != 1).any()


def test_a_data_set_of_other_classes_than_a_models_is_refused(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    write_model(tmp_path / "model", [_trial(tmp_path / "trial", config, classes=("inner", "outer"))])
    with pytest.raises(UserError, match=r"model was trained on 1 channels and the classes inner, outer, but"):
        evaluate_trial(tmp_path / "model", tiny_dataset, "test", device="cpu")


def test_a_model_is_not_scored_on_val_cases_that_a_member_was_trained_on(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    seen = apply_settings(config, {"data.train_on_val": True})
    write_model(
        tmp_path / "model", [_trial(tmp_path / "first", config, favours=(0, 2.0)), _trial(tmp_path / "second", seen)]
    )
    assert evaluate_trial(tmp_path / "model", tiny_dataset, "val", device="cpu") == []
    assert count_cases(tmp_path / "model", tiny_dataset, "val") == 0
    assert count_cases(tmp_path / "model", tiny_dataset, "test") == 2
