from typing import Any

import pytest
from pydantic import ValidationError

from simcvd.errors import UserError
from sweeps.definition.ablation import Ablation
from sweeps.definition.expand import expand
from sweeps.definition.sweep_file import SweepFile

LOSSES = {"loss.sdm": "sdm", "loss.contrast": "contrast", "loss.distillation": "distillation"}


def _rows(**content: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(row.name, row.set) for row in Ablation.model_validate(content).rows]


def test_leave_one_out_has_the_full_row_and_one_without_each_term() -> None:
    assert _rows(terms=list(LOSSES)) == [("full", {}), *((f"w/o {name}", {key: 0}) for key, name in LOSSES.items())]


def test_add_one_in_has_a_row_without_all_and_one_with_each_alone() -> None:
    off = dict.fromkeys(LOSSES, 0)
    assert _rows(terms=list(LOSSES), leave_one_out=False, add_one_in=True) == [
        ("full", {}),
        ("none", off),
        *((f"only {name}", {k: 0 for k in off if k != key}) for key, name in LOSSES.items()),
    ]


def test_build_up_adds_the_terms_in_their_order() -> None:
    rows = _rows(terms=list(LOSSES), leave_one_out=False, build_up=True, full="SimCVD", none="supervised")
    assert [name for name, _ in rows] == ["SimCVD", "supervised", "+ sdm", "+ sdm + contrast"]
    assert rows[2][1] == {"loss.contrast": 0, "loss.distillation": 0}


def test_rows_with_the_same_settings_are_listed_once() -> None:
    both = _rows(terms=["loss.sdm", "loss.contrast"], add_one_in=True, build_up=True)
    assert [name for name, _ in both] == ["full", "w/o sdm", "w/o contrast", "none"]
    assert [name for name, _ in _rows(terms=["loss.sdm"], add_one_in=True)] == ["full", "w/o sdm"]


@pytest.mark.parametrize(
    ("terms", "switched_off"),
    [
        (["network.sdm_head", "loss.sdm"], {"sdm_head": {"network.sdm_head": False}, "sdm": {"loss.sdm": 0}}),
        ([{"loss.sdm": 1, "network": {"width": 8}}], {"sdm and width": {"loss.sdm": 1, "network.width": 8}}),
        ({"projection.pooling": "max"}, {"pooling": {"projection.pooling": "max"}}),
        (
            {"A": "loss.sdm", "B": ["noise.std", "noise.clip"]},
            {"A": {"loss.sdm": 0}, "B": {"noise.std": 0, "noise.clip": 0}},
        ),
        ({"SDM": {"loss.sdm": 0, "network.sdm_head": False}}, {"SDM": {"loss.sdm": 0, "network.sdm_head": False}}),
    ],
)
def test_a_term_is_a_key_a_key_with_a_value_or_several_under_a_name(terms: Any, switched_off: dict[str, Any]) -> None:
    assert Ablation.model_validate({"terms": terms}).switched_off == switched_off


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"terms": []}, "at least 1 item"),
        ({"terms": ["loss.sdm"], "leave_one_out": False}, "one of them makes the rows"),
        ({"terms": ["loss.sdm", 3]}, "names no setting"),
        ({"terms": {"A": {}}}, "names no setting"),
        ({"terms": {"A": "loss.sdm", "sdm": {}, "B": "loss.sdm"}}, "names no setting"),
        ({"terms": {"A": "loss.sdm", "B": ["loss.sdm", "loss.contrast"]}, "add_one_in": True}, "in two terms"),
        ({"terms": ["loss.sdm", "loss.sdm"]}, "two terms have the same name"),
    ],
)
def test_what_makes_no_ablation_is_refused(content: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Ablation.model_validate(content)


def test_terms_may_overlap_where_none_stands_alone() -> None:
    rows = _rows(terms={"SDM": "loss.sdm", "SDM and contrast": ["loss.sdm", "loss.contrast"]})
    assert [name for name, _ in rows] == ["full", "w/o SDM", "w/o SDM and contrast"]


def test_the_full_row_is_the_reference_unless_another_is_named() -> None:
    content = {"name": "mine", "ablation": {"terms": ["loss.sdm", "loss.contrast"], "full": "all"}}
    for more, reference in (({}, "all"), ({"reference": "w/o sdm"}, "w/o sdm"), ({"reference": None}, None)):
        variants = expand(SweepFile.model_validate(content | more), "d")
        assert [variant.name for variant in variants if variant.reference] == ([reference] if reference else [])


def test_a_term_that_the_base_has_switched_off_is_refused() -> None:
    content = {"name": "mine", "base": {"loss.sdm": 0}, "ablation": {"terms": ["loss.sdm", "loss.contrast"]}}
    with pytest.raises(UserError, match="'full' and 'w/o sdm' of the sweep mine are one trial"):
        expand(SweepFile.model_validate(content), "d")
