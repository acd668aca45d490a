from typing import Any

import pytest
from pydantic import ValidationError

from simcvd.errors import UserError
from sweeps.definition.changes import Changes
from sweeps.definition.expand import all_trials, expand
from sweeps.definition.sweep_file import SweepFile


def _sweep(axes: dict[str, Any], **content: Any) -> SweepFile:
    return SweepFile.model_validate({"name": "mine", "axes": axes, **content})


def _rows(sweep: SweepFile) -> list[str]:
    return [row.name for row in sweep.rows]


BY_METHOD = {
    "method": ["simcvd", "ua_mt", "dan"],
    "loss.contrast": {"values": [0.1, 0.5], "when": {"method": "simcvd"}},
    "loss.temperature": {"values": [0.5, 1.0], "when": {"method": ["simcvd", "ua_mt"]}},
}


def test_an_axis_is_varied_only_where_its_condition_holds() -> None:
    assert _rows(_sweep(BY_METHOD)) == [
        "method=simcvd, contrast=0.1, temperature=0.5",
        "method=simcvd, contrast=0.1, temperature=1.0",
        "method=simcvd, contrast=0.5, temperature=0.5",
        "method=simcvd, contrast=0.5, temperature=1.0",
        "method=ua_mt, temperature=0.5",
        "method=ua_mt, temperature=1.0",
        "method=dan",
    ]


def test_more_combinations_than_can_be_planned_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.definition.axes.MOST_TRAININGS", 6)
    with pytest.raises(UserError, match=r"The axes method, .* make more than 6 variants; shorten some"):
        _sweep(BY_METHOD).rows  # noqa: B018 - made anew each time
    assert len(_sweep(BY_METHOD | {"method": ["simcvd", "ua_mt"]}).rows) == 6


def test_elsewhere_the_value_of_the_base_stays() -> None:
    variants = {v.name: v for v in expand(_sweep(BY_METHOD, base={"loss.contrast": 0.3}), "d")}
    assert variants["method=dan"].trials[0].config.loss.contrast == 0.3
    assert dict(variants["method=dan"].settings) == {"method": "dan"}
    assert len({trial.id for trial in all_trials(list(variants.values()))}) == 7


def test_a_condition_may_stand_before_what_it_depends_on_and_hang_on_another_condition() -> None:
    axes = {
        "loss.contrast": {"values": [1, 2], "when": {"loss.sdm": 1}},
        "loss.sdm": {"values": [0, 1], "when": {"method": "simcvd"}},
        "method": ["simcvd", "dan"],
    }
    assert _rows(_sweep(axes)) == [
        "sdm=0, method=simcvd",
        "contrast=1, sdm=1, method=simcvd",
        "contrast=2, sdm=1, method=simcvd",
        "method=dan",
    ]


def test_a_condition_on_the_base_sees_preset_base_and_what_the_command_sets() -> None:
    axes = {"loss.sdm": [0, 1], "loss.contrast": {"values": [1, 2], "when": {"data.crop_vox": [32, 32, 32]}}}
    assert len(_sweep(axes).rows) == 2
    assert len(_sweep(axes, base={"preset": "phantom"}).rows) == 4
    sweep = _sweep(axes, base={"inference.stride_vox": [16, 16, 4]})
    assert len(expand(sweep, "d")) == 2
    assert len(expand(sweep, "d", Changes({"data.crop_vox": [32, 32, 32]}))) == 4
    assert len(expand(sweep, "d", Changes(preset="phantom"))) == 4


def test_a_row_without_any_active_axis_has_a_name() -> None:
    assert _rows(_sweep({"loss.sdm": {"values": [0, 1], "when": {"method": "dan"}}})) == ["default"]


def test_many_conditional_axes_cost_no_more_than_their_rows() -> None:
    methods = ["simcvd", "dan", "cps", "ua_mt", "ict", "sassnet", "dtc"]
    keys = ["loss.sdm", "loss.contrast", "loss.distillation", "loss.consistency", "loss.temperature", "noise.std"]
    axes: dict[str, Any] = {"method": methods}
    for method, key in zip(methods, keys, strict=False):
        axes[key] = {"values": [n / 100 for n in range(1, 201)], "when": {"method": method}}
    assert len(_sweep(axes).rows) == 6 * 200 + 1


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        (
            {
                "loss.sdm": {"values": [0, 1], "when": {"loss.contrast": 1}},
                "loss.contrast": {"values": [0, 1], "when": {"loss.sdm": 1}},
            },
            "conditions of loss.contrast and loss.sdm depend on each other",
        ),
        ({"loss.sdm": {"values": [0, 1]}}, "when"),
        ({"loss.sdm": {"values": [0, 1], "when": {}}}, "when"),
        ({"loss.sdm": {"values": [], "when": {"method": "dan"}}}, "values"),
        ({"loss.sdm": 3}, "valid list"),
    ],
)
def test_what_makes_no_axis_is_refused(axes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _sweep(axes)
