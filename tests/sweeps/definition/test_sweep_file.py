import pytest
from pydantic import ValidationError

from sweeps.definition.changes import Changes
from sweeps.definition.expand import expand
from sweeps.definition.sweep_file import SweepFile


def test_nested_settings_become_dotted() -> None:
    rows = [{"name": "a", "set": {"loss": {"sdm": 0}}}]
    sweep = SweepFile.model_validate({"name": "mine", "base": {"training": {"steps": 5}}, "variants": rows})
    assert sweep.base == {"training.steps": 5}
    assert sweep.swept == {"loss.sdm"}


def test_two_settings_can_not_be_called_the_same() -> None:
    axes = {"loss.sdm": [0, 1], "loss.contrast": [0, 1]}
    with pytest.raises(ValidationError, match="two settings are called the same"):
        SweepFile.model_validate({"name": "mine", "axes": axes, "labels": dict.fromkeys(axes, "w")})


def test_a_name_that_no_folder_can_have_is_cut() -> None:
    def named(length: int) -> str:
        return SweepFile.model_validate({"name": "s" * length, "variants": [{"name": "v" * 300}]}).name

    assert named(255) == "s" * 255
    assert len(named(300)) == 255
    assert named(300) != named(301)


def test_what_every_variant_sets_is_apart_from_what_some_set() -> None:
    rows = [{"name": "a", "set": {"loss.sdm": 1, "loss.contrast": 1}}, {"name": "b", "set": {"loss.sdm": 2}}]
    sweep = SweepFile.model_validate({"name": "mine", "variants": rows})
    assert sweep.swept == {"loss.sdm", "loss.contrast"}
    assert sweep.set_by_all == {"loss.sdm"}
    assert sweep.kept(["loss.sdm", "loss.contrast", "training.steps"]) == {"loss.contrast": ["a"]}
    axes = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0, 1]}})
    assert (axes.set_by_all, axes.kept(["loss.sdm", "training.steps"])) == ({"loss.sdm"}, {})


def test_what_some_rows_set_is_kept_there_and_taken_elsewhere() -> None:
    axes = {"method": ["simcvd", "dan"], "loss.sdm": {"values": [0, 1], "when": {"method": "simcvd"}}}
    sweep = SweepFile.model_validate({"name": "mine", "axes": axes})
    assert sweep.set_by_all == {"method"}
    assert sweep.kept(["loss.sdm"]) == {"loss.sdm": ["method=simcvd, sdm=0", "method=simcvd, sdm=1"]}
    assert [v.trials[0].config.loss.sdm for v in expand(sweep, "d", Changes({"loss.sdm": 0.7}))] == [0, 1, 0.7]
