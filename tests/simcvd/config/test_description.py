from simcvd.config import TrialConfig, dotted_keys
from simcvd.config.description import setting_sections


def test_every_setting_is_described_once_with_its_default() -> None:
    entries = [entry for section in setting_sections() for entry in section.settings]
    assert {entry.key: entry.default for entry in entries} == dotted_keys()
    assert len(entries) == len(dotted_keys())
    assert all(entry.meaning and entry.values for entry in entries)


def test_sections_stand_in_the_order_of_the_settings_with_those_inside_after_them() -> None:
    names = [section.name for section in setting_sections()]
    assert names[:3] == ["", "data", "training"]
    assert names[names.index("augment") + 1] == "augment.local_shuffle"
    assert {name for name in names if name and "." not in name} == {
        name for name in TrialConfig.model_fields if name not in {"method", "seed"}
    }


def test_values_are_told_in_words() -> None:
    told = {entry.key: entry.values for section in setting_sections() for entry in section.settings}
    assert told["seed"] == "whole number ≥ 0, < 2^63"
    assert told["data.labeled"] == "whole number ≥ 1 or `all` or `null`"
    assert told["data.crop_vox"] == "3 x whole number ≥ 1"
    assert told["training.compile"] == "`true`, `false`"
    assert told["projection.pooling"] == "`average`, `max`"
