from sweeps.definition.changes import Changes


def test_the_preset_of_the_command_comes_before_the_data_sets() -> None:
    assert Changes(preset="la").on_dataset("phantom").preset == "la"
    assert Changes({"loss.sdm": 0}).on_dataset("phantom") == Changes({"loss.sdm": 0}, preset="phantom")
    assert Changes().on_dataset(None).preset is None
