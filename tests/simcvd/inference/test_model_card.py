from collections.abc import Sequence
from typing import Any

import pytest

from simcvd.config import TrialConfig, apply_settings
from simcvd.inference.model_card import model_card
from simcvd.inference.model_folder import MemberInfo, ModelInfo
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Channel, Normalisation
from simcvd.scans.preprocessing import Preprocessing


def card(configs: Sequence[TrialConfig], **told: Any) -> str:
    members = tuple(MemberInfo(trial=f"trial-{config.seed}", method="simcvd", seed=config.seed) for config in configs)
    files = {f"members/{number}/config.yaml": "c" for number in range(len(members))}
    shared: dict[str, Any] = {
        "image_channels": 1,
        "created": "2026-01-02T03:04:05+00:00",
        "simcvd_version": "0.1.0",
        "classes": ("atrium",),
    }
    info = ModelInfo(name="heart", members=members, files=files, **(shared | told))
    return model_card(info, configs)


def commands(text: str) -> list[str]:
    return text.split("```")[1].strip().splitlines()


def test_a_card_has_three_commands_and_no_path_of_a_machine(config: TrialConfig) -> None:
    text = card([config])
    assert commands(text) == [
        "simcvd predict MODEL SCANS --out MASKS",
        "simcvd evaluate MODEL DATASET",
        "simcvd train DATASET --config MODEL/members/0/config.yaml --out RUNS",
    ]
    assert "one network for images of one channel and the class atrium." in text
    assert "mean of the networks' probabilities" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120
    assert "| members/N/config.yaml |" in text
    assert "environment.json" not in text  # it has none


def test_an_ensembles_card_trains_every_member_and_names_its_own_windows(config: TrialConfig) -> None:
    text = card([config, apply_settings(config, {"seed": 4, "data.crop_vox": [32, 16, 16]})])
    again = 'for config in MODEL/members/*/config.yaml; do simcvd train DATASET --config "$config" --out RUNS; done'
    assert commands(text)[2] == again
    assert "the mean of the networks' probabilities is taken, each network counting once" in text
    assert "| members/1 | trial-4 | simcvd | 4 | 32 x 16 x 16 | 8 x 8 x 16 |" in text


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (None, "Scans keep the file's axes and keep their voxel size."),
        (Preprocessing(orientation="RAS", spacing_mm=(1, 1, 2.5)), "turned to RAS and are resampled to 1 x 1 x 2.5 mm"),
        (Preprocessing(normalisation=Normalisation(kind="as_is")), "scans must come normalised"),
        (
            Preprocessing(normalisation=Normalisation(kind="window", channels=(Channel(lower=-125, upper=275),))),
            "then brought to mean 0 and deviation 1 (-125 to 275).",
        ),
        (
            Preprocessing(
                normalisation=Normalisation(kind="percentiles", channels=(Channel(lower=0, upper=9, mean=4, std=2),))
            ),
            "numbers of the training data (0 to 9, mean 4, deviation 2).",
        ),
        (Preprocessing(crop=LabelCrop(margin_vox=(25, 25, None))), "widened by 25, 25, all voxels along the three"),
    ],
)
def test_a_card_says_how_masks_come_about(way: Preprocessing | None, told: str, config: TrialConfig) -> None:
    assert told in " ".join(card([config], preprocessing=way).split())


def test_several_classes_and_channels_are_named(config: TrialConfig) -> None:
    text = " ".join(card([config], classes=("a", "b"), image_channels=2, channels=("t1", "flair")).split())
    assert "for images of 2 channels (t1, flair) and the classes a, b." in text
