"""Mistakes in sweep files: each with its line and key, all of them at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.definition.catalogue import load_sweep

Refused = Callable[[str], str]


def test_all_mistakes_are_told_in_the_order_of_the_file(refused: Refused) -> None:
    text = "name: x\nbase:\n  preset: lla\n  loss: {sdm: -1}\naxes:\n  # a comment\n  projection.dropot: [0.1]\n"
    text += "seeds: [0, 0]"
    assert refused(text) == (
        "The sweep file mine.yaml is wrong: "
        "line 3, base.preset: there is no preset 'lla', presets are la, pancreas, phantom; "
        "line 4, base.loss.sdm: is -1: input should be greater than or equal to 0; "
        "line 7, axes.projection.dropot: unknown setting, did you mean projection.dropout?; "
        "line 8, seeds: a seed is given twice."
    )


def test_of_many_mistakes_the_first_five_are_told(refused: Refused) -> None:
    told = refused("name: x\naxes:\n" + "\n".join(f"  loss.smd{n}: [0]" for n in range(8)))
    assert "line 7, axes.loss.smd4" in told
    assert "smd5" not in told
    assert told.endswith("; and 3 more.")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["base:", "  training.compile: yes", "axes: {loss.sdm: [0, 1]}"],
            "line 3, base.training.compile: yes means different things in YAML 1.1 and 1.2; write true, false or",
        ),
        (["axes:", "  loss.sdm: {values: [1]}"], "line 3, axes.loss.sdm.when: field required"),
        (
            ["axes:", "  loss.sdm: {value: [1], when: {seed: 1}}"],
            "line 3, axes.loss.sdm.value: unknown key, known are values, when",
        ),
        (
            [
                "axes:",
                "  loss.sdm: {values: [0], when: {loss.contrast: 0}}",
                "  loss.contrast: {values: [0], when: {loss.sdm: 0}}",
            ],
            "line 3, axes.loss.sdm.when: the conditions of loss.contrast and loss.sdm depend on each other; drop one",
        ),
        (["variants:", "- {name: a}", "- {name: a}"], "line 4, variants.1: two variants have the same name"),
        (["variants:", "- {nam: a}"], "line 3, variants.0.name: field required"),
        (["ablation:", "  terms: [loss.sdm, 4]"], "line 3, ablation.terms.1: names no setting"),
        (
            ["search:", "  loss.sdm: {loguniform: [0, 1]}"],
            "line 3, search.loss.sdm: loguniform starts at 0, expected more than 0",
        ),
        (
            ["search:", "  loss.sdm: {uniform: [0, 1], choice: [0, 1]}"],
            "expected one of uniform, loguniform, integer and choice",
        ),
        (["search:", "  seed: {integer: [0, 9]}"], "line 3, search.seed: is luck, not a setting to search"),
        (["search:", "  data.label_split: {integer: [0, 9]}"], "is luck, not a setting to search"),
        (
            ["search:", "  data.train_on_val: {choice: [true, false]}"],
            "line 3, search.data.train_on_val: decides which cases settings are compared on; set it in base",
        ),
        (
            ["search:", "  data.fold: {choice: [[0, 2], [1, 2]]}"],
            "search.data.fold",
        ),
        (["axes: {data.fold: [[0, 2], [2, 2]]}"], "line 2, axes.data.fold.1: is [2, 2]: the 2 parts are numbered"),
        (
            ["search: {loss.sdm: {uniform: [0, 1]}}", "label_splits: [0, 1]"],
            "line 3, label_splits: a search has one draw",
        ),
        (
            ["search: {loss.sdm: {uniform: [0, 1]}}", "strategy: {trails: 9}"],
            "line 3, strategy.trails: unknown key, known are trials",
        ),
        (["axes: {loss.sdm: [0]}", "strategy: {trials: 9}"], "line 3, strategy: belongs to a search"),
        (
            ["axes: {data.label_split: [0, 1]}", "label_splits: [0]"],
            "line 3, label_splits: data.label_split is set by the sweep itself",
        ),
        (
            ["base: {data.label_split: 1}", "axes: {loss.sdm: [0]}", "label_splits: [0]"],
            "line 4, label_splits: data.label_split is set",
        ),
        (["axes: {loss.sdm: [0]}", "label_splits: [1, 1]"], "line 3, label_splits: a seed is given twice"),
        (
            ["axes: {loss.sdm: [0]}", "seeds: [0]", "axes: {loss.sdm: [1]}"],
            "line 2, axes: given again in line 4; keep one",
        ),
        (["axes:", "  loss.sdm: [0]", "  loss.sdm: [1]"], "line 3, axes.loss.sdm: given again in line 4"),
        (["axes: &a {loss.sdm: *a}"], "refers to itself"),
        (
            ["axes: {loss.sdm: [0]}", "variants: [{name: a}]"],
            "line 3, variants: expected one of axes, variants, include",
        ),
    ],
)
def test_a_mistake_has_its_line_and_key(refused: Refused, lines: list[str], told: str) -> None:
    assert told in refused("\n".join(["name: mine", *lines]))


def test_anchors_merges_and_numbers_like_1e_3_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nvariants:\n- {name: a, set: &low {training.learning_rate: 1e-3, loss.sdm: 1}}\n"
        "- {name: b, set: {<<: *low, loss.sdm: 2}}"
    )
    rows = load_sweep(str(path)).rows
    assert rows[0].set == {"training.learning_rate": 0.001, "loss.sdm": 1}
    assert rows[1].set == {"training.learning_rate": 0.001, "loss.sdm": 2}
