import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.tables import Table, ablation_table, overview, render_markdown
from analysis.tables.columns import columns
from tests.analysis.made_sweeps import ALSO, ODD_METRICS, REFERENCE, below, printed

WriteSweep = Callable[..., Path]
TableOf = Callable[..., Table]


def test_markdown_shows_percent_with_two_decimals(dropout: Table) -> None:
    lines = render_markdown(dropout).splitlines()
    assert lines[0] == "# toy: Dice [%] on test cases of toy, reference projection.dropout=0.1"
    assert lines[2] == (
        "| variant | mean ± SD | difference | 95 % CI | g | p | p over seeds | P(first) | P(false) "
        "| n | seeds | failed | unfinished | empty |"
    )
    # Mean 0.9 - 0.045 - 0.01 * 1.45 + 0.0005 = 0.841; sd (0.01 + 0.001) * sd(0..9); difference -0.01 * 1.45, its sd
    # 0.001 * 3.0277, so the interval over cases is +-2.2622 * 0.0030277 / sqrt(10) and g -1.45 / 0.30277 * 0.9143.
    # Seeds change nothing but for rounding, so that over seeds and cases is the same.
    assert lines[4] == (
        "| projection.dropout=0.0 | <ins>84.10 ± 3.33</ins> | -1.45 | -1.67 to -1.23 | -4.38 | <0.001 | <0.001 "
        "| <0.001 | <0.001 | 10 | 2/2 | 0 | 0 | 0 |"
    )
    assert lines[9].endswith("| - | - | 10 | 1/2 | 1 | 0 | 0 |")
    assert lines[10].startswith("| projection.dropout=0.1 | **85.55 ± 3.03** | ref | - | - | ref | ref | ")
    assert lines[10].endswith(" | ref | 10 | 2/2 | 0 | 0 | 0 |")
    assert any("1 of 2 trials failed (out_of_memory)" in line for line in lines[11:])


def test_markdown_keeps_its_columns_when_a_name_has_a_bar(write_sweep: WriteSweep) -> None:
    text = render_markdown(ablation_table(write_sweep({"a|b": {0: below(0, 0)}}, reference=None), "toy"))
    assert "| a\\|b | 85.50 ± 3.03 |" in text


def test_classes_are_sections(write_sweep: WriteSweep) -> None:
    rows = [row | {"class_id": k} for row in below(0, 0) for k in (1, 2)]
    table = ablation_table(write_sweep({"ref": {0: rows}}), "toy")
    assert [line for line in render_markdown(table).splitlines() if line.startswith("##")] == [
        "## mean",
        "## class 1",
        "## class 2",
    ]
    assert {"mean", "class 1", "class 2"} <= set(printed(table, 60).splitlines())


@pytest.mark.parametrize("metrics", [ODD_METRICS, ("dice",)])
def test_markdown_has_as_many_cells_in_every_line(odd: TableOf, metrics: tuple[str, ...]) -> None:
    of = odd(classes=2, metrics=metrics)
    lines = [line for line in render_markdown(of).splitlines() if line.startswith("|")]
    assert len(lines) == 3 * (2 + 5)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(columns(of)) + 1}
    assert r"\*a\* \| \`b\` \[c](d) \_e\_" in render_markdown(of)
    assert r"\<script>" in render_markdown(of)
    assert "\n| <script>" not in render_markdown(of)


def test_markdown_has_one_row_a_variant(write_sweep: WriteSweep) -> None:
    """Dice 0.5 and 0.7, mean 60 %, SD 14.14; the reference 0.1 and 0.3 higher: t = 2, p = 0.295 (1 df)."""
    given: dict[str, dict[int, Any]] = {
        name: {
            0: [
                {"case_id": "a", "dice": dice[0], "jaccard": 0.5, "hd95_vox": 2.0, "asd_vox": 1.0},
                {"case_id": "b", "dice": dice[1], "jaccard": 0.5, "hd95_vox": 4.0, "asd_vox": 1.0},
            ]
        }
        for name, dice in (("a|b", (0.5, 0.7)), (REFERENCE, (0.6, 1.0)))
    }
    lines = render_markdown(overview(write_sweep(given, REFERENCE, also=ALSO), "toy")).splitlines()
    assert lines[0] == "# toy: Dice, Jaccard, HD95 and ASD on test cases of toy, reference SimCVD"
    assert lines[2] == (
        "| variant | Dice [%] | p | Jaccard [%] | p | HD95 [voxel] | p | ASD [voxel] | p "
        "| n | seeds | failed | unfinished | empty |"
    )
    assert lines[4] == (
        "| a\\|b | 60.00 ± 14.14 | 0.295 | 50.00 ± 0.00 | - | 3.00 ± 1.41 | - | 1.00 ± 0.00 | - | 2 | 1/1 | 0 | 0 | 0 |"
    )
    assert lines[5].startswith("| SimCVD | **80.00 ± 28.28** | ref | 50.00 ± 0.00 | ref |")
    assert "- a\\|b: no p-value for Jaccard, HD95 and ASD: all pairs are identical." in lines
