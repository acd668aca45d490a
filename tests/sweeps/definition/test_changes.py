from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.definition.changes import Changes

PLAN = "data:\n  crop_vox: [32, 48, 32]\ninference:\n  stride_vox: [16, 24, 16]\n"


def test_the_preset_of_the_command_comes_before_the_data_sets(tmp_path: Path) -> None:
    assert Changes(preset="la").on_dataset(tmp_path, "phantom").preset == "la"
    assert Changes({"loss.sdm": 0}).on_dataset(tmp_path, "phantom") == Changes({"loss.sdm": 0}, preset="phantom")
    assert Changes().on_dataset(tmp_path, None).preset is None


def test_the_plan_of_a_data_set_is_what_trials_start_from_unless_the_command_names_a_preset(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    planned = Changes().on_dataset(tmp_path, None)
    assert planned.preset == "plan"
    assert planned.plan == {"data.crop_vox": [32, 48, 32], "inference.stride_vox": [16, 24, 16]}
    assert Changes(preset="plan").on_dataset(tmp_path, None) == planned
    assert Changes(preset="la").on_dataset(tmp_path, None) == Changes(preset="la")


def test_a_damaged_plan_is_told_unless_another_preset_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("training:\n  stps: 3\n")
    with pytest.raises(UserError, match=r"line 2, training\.stps: unknown setting"):
        Changes().on_dataset(tmp_path, None)
    assert Changes(preset="phantom").on_dataset(tmp_path, None).preset == "phantom"
