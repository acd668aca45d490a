from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.definition.catalogue import load_sweep


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["axes:", "  loss.sdm: [0, 1, -2]"], "line 3, axes.loss.sdm.2: is -2: input should be greater than or equal"),
        (
            ["base: {training.compile: 'yes'}"],
            "line 2, base.training.compile: is 'yes': input should be a valid boolean",
        ),
        (["axes:", "  loss.sdm: [a]"], "line 3, axes.loss.sdm.0: is 'a': input should be a valid number"),
        (["axes:", "  loss: [1]"], "line 3, axes.loss: is a section; name one of its settings"),
        (
            ["axes:", "  method: [simcvd, ua-mt]"],
            "line 3, axes.method.1: there is no method 'ua-mt', did you mean ua_mt?",
        ),
        (
            ["axes:", "  method: [simcvd, dan]", "  loss.sdm:", "    values: [0]", "    when: {method: ict}"],
            "line 6, axes.loss.sdm.when.method: is 'ict', which is none of the values under axes.method",
        ),
        (
            ["axes:", "  loss.sdm:", "    values: [0]", "    when: {metod: ict}"],
            "line 5, axes.loss.sdm.when.metod: unknown setting, did you mean method?",
        ),
        (
            ["axes:", "  loss.sdm:", "    values: [0]", "    when: {loss.sdm: 0}"],
            "line 5, axes.loss.sdm.when.loss.sdm: is the axis itself",
        ),
        (
            ["variants:", "- {name: a}", "- name: b", "  set: {loss.smd: 1}"],
            "line 5, variants.1.set.loss.smd: unknown setting",
        ),
        (
            ["variants:", "- name: a", "  set: {loss.sdm: 1, loss: {sdm: 2}}"],
            "sets loss.sdm, which variants.0.set.loss.sdm sets as well",
        ),
        (
            ["ablation:", "  terms: [loss.sdm, loss.smd]"],
            "line 3, ablation.terms.1: unknown setting, did you mean loss.sdm?",
        ),
        (
            ["ablation:", "  terms: [projection.pool_size]"],
            "line 3, ablation.terms.0: is 0: input should be greater than or equal to 1",
        ),
        (["ablation:", "  terms:", "    A: {loss.smd: 0}"], "line 4, ablation.terms.A.loss.smd: unknown setting"),
        (
            ["axes: {loss.sdm: [0, 1]}", "labels: {loss.smd: w}"],
            "line 3, labels.loss.smd: unknown setting, did you mean loss.sdm?",
        ),
        (["search:", "  loss.smd: {uniform: [0, 1]}"], "line 3, search.loss.smd: unknown setting"),
        (
            ["search:", "  projection.dropout: {uniform: [0, 1]}"],
            "line 3, search.projection.dropout.uniform.1: is 1: input should be less",
        ),
        (
            ["search:", "  projection.pool_size: {uniform: [1, 9]}"],
            "draws fractions, which projection.pool_size can't be",
        ),
        (
            ["search:", "  projection.pooling: {choice: [max, min]}"],
            "line 3, search.projection.pooling.choice.1: is 'min'",
        ),
        (
            ["search: {loss.sdm: {uniform: [0, 1]}}", "strategy: {start: [{loss.contrast: 1}]}"],
            "start.0.loss.contrast: is not searched",
        ),
        (["axes: {loss.sdm: [0]}", "reference: {loss.smd: 0}"], "line 3, reference.loss.smd: unknown setting"),
    ],
)
def test_a_wrong_setting_has_its_line_and_key(refused: Callable[[str], str], lines: list[str], told: str) -> None:
    assert told in refused("\n".join(["name: mine", *lines]))


def test_what_only_a_preset_can_make_fit_is_no_mistake_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\naxes: {data.crop_vox: [[16, 16, 16], [32, 32, 32]]}")
    assert len(load_sweep(str(path)).rows) == 2
