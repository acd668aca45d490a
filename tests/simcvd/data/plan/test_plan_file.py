from pathlib import Path

import pytest

from simcvd.config import PLAN, from_mapping, load_preset
from simcvd.data.plan.plan import make_plan
from simcvd.data.plan.plan_file import FILE_NAME, own_preset, plan_for, read_plan, write_plan
from simcvd.errors import UserError
from tests.simcvd.data.plan.fingerprints import ALL, HIPPOCAMPUS
from tests.simcvd.data.tiny_store import make


@pytest.mark.parametrize("number", range(len(ALL)))
def test_a_plan_is_read_as_it_was_made(number: int, tmp_path: Path) -> None:
    plan = make_plan(ALL[number])
    write_plan(tmp_path, "some set", plan)
    settings = read_plan(tmp_path)
    assert settings is not None
    assert from_mapping(settings) == plan.settings
    assert set(settings) == {choice.key for choice in plan.choices}


def test_every_setting_stands_below_its_reason(tmp_path: Path) -> None:
    write_plan(tmp_path, "hippocampus", make_plan(HIPPOCAMPUS))
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert "hippocampus" in lines[0]
    assert all(len(line) <= 120 for line in lines)
    place = lines.index("  steps: 600")
    assert lines[place - 2].startswith("  # A crop has 49,152 voxels: 600 steps were enough")
    assert "  strides: [[2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 1, 1]]" in lines


def test_a_person_may_edit_it_nested_or_dotted(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("training.steps: 900  # longer\nloss:\n  contrast: 0\n")
    assert read_plan(tmp_path) == {"training.steps": 900, "loss.contrast": 0}
    preset, plan = own_preset(tmp_path, None)
    assert preset == PLAN
    config = load_preset(preset, plan)
    assert (config.training.steps, config.loss.contrast) == (900, 0.0)
    assert config.data.crop_vox == (112, 112, 80)  # what it leaves open


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training:\n  steps: 5\n  stps: 3\n", r"line 3, training\.stps: unknown setting, did you mean training.steps"),
        ("network:\n  width: 0\n", r"line 2, network\.width: is 0: input should be greater than or equal to 1"),
        ("training: 3\n", r"line 1, training: is a section; name one of its settings"),
        ("training:\n  steps: 5\n  steps: 6\n", r"line 2, training\.steps: given again in line 3"),
        ("data:\n  crop_vox: [30, 30, 30]\n", r"plan\.yaml.*data\.crop_vox is 30 x 30 x 30, expected multiples of 16"),
        ("- 1\n", "holds no mapping"),
        ("a: [1\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_its_line(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(UserError, match=sentence) as caught:
        read_plan(tmp_path)
    assert str(tmp_path / FILE_NAME) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_set_without_plan_keeps_its_preset(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    assert own_preset(tmp_path, "la") == ("la", None)
    assert own_preset(tmp_path, None) == (None, None)
    with pytest.raises(UserError, match=r"no plan\.yaml for the preset 'plan'"):
        load_preset(PLAN)


def test_planning_writes_the_file_and_tells_each_rule_in_a_line(tmp_path: Path) -> None:
    info = make(tmp_path)
    head, *lines = plan_for(tmp_path, info)
    assert str(tmp_path / FILE_NAME) in head
    assert len(lines) == 11
    assert lines[0].startswith("  data.crop_vox=8x8x10: The median training case has 8 x 9 x 10 voxels;")
    assert read_plan(tmp_path) is not None


def test_a_set_with_a_preset_of_its_own_gets_no_plan(tmp_path: Path) -> None:
    info = make(tmp_path).model_copy(update={"preset": "la"})
    assert plan_for(tmp_path, info) == ()
    assert not (tmp_path / FILE_NAME).exists()
