from pathlib import Path

import pytest
import yaml

from simcvd.config import TrialConfig, apply_settings
from simcvd.errors import UserError
from simcvd.inference.weights import save_student
from simcvd.networks.build import build_vnet
from simcvd.networks.vnet import Segmenter
from simcvd.training.evaluation import evaluate_trial


def _trial(folder: Path, config: TrialConfig, channels: int = 1, classes: tuple[str, ...] = ("outer", "inner")) -> Path:
    """Write what a finished trial leaves, with the first weights that come."""
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    save_student(folder, Segmenter(build_vnet(config, channels, len(classes) + 1)), config, channels, classes)
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
