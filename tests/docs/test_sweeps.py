"""Every example of docs/sweeps.md is a sweep file that can be read and expanded."""

import re
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile, load_sweep
from sweeps.definition.expand import all_trials, expand
from sweeps.definition.search_space import Strategy

TEXT = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()
EXAMPLES = {re.findall(r"^name: (\S+)", block)[0]: block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)}

TRIALS = {
    "grid": (6, 18),
    "own-weights": (5, 15),
    "pooling-kinds": (3, 3),
    "loss-terms": (10, 30),
    "parts": (8, 8),
    "tables-iv": (11, 33),
    "label-luck": (3, 18),
    "weights": (1, 1),
}
"""Rows and trials of each example."""


def test_every_example_is_counted() -> None:
    assert EXAMPLES.keys() == TRIALS.keys()


@pytest.mark.parametrize("name", TRIALS)
def test_an_example_has_the_rows_that_the_page_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(EXAMPLES[name])
    sweep = load_sweep(str(path))
    variants = expand(sweep, "d")
    assert (len(variants), len(all_trials(variants))) == TRIALS[name]
    if sweep.reference is not None:
        assert sum(variant.reference for variant in variants) == 1


def test_every_key_is_on_the_page() -> None:
    table = TEXT[: TEXT.index("## A grid")]
    assert [key for key in SweepFile.model_fields if f"`{key}`" not in table] == []
    assert all(
        key in Strategy.model_fields for key in re.findall(r"^  (\w+):", EXAMPLES["weights"].split("strategy")[1], re.M)
    )


def test_the_message_of_the_page_is_the_one_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["name: x", "", "axes:", "  projection.dropot: [0.1]", "  loss.sdm: [0, -1]"]
    Path("mine.yaml").write_text("\n".join(lines))
    with pytest.raises(UserError) as found:
        load_sweep("mine.yaml")
    assert f"Error: {found.value}" in TEXT
