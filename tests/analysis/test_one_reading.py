"""Tables, figures and report show one scored reading: each reads the records once, and all say the same number."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import analysis.comparison.scored_sweep as scored_sweep
from analysis.comparison.scored_sweep import score_sweep
from analysis.figures.comparison import comparison_of
from analysis.figures.sweep_figures import sweep_figures
from analysis.report.content import read_report
from analysis.report.data import chart_data
from analysis.tables import render_markdown, write_tables

WriteSweep = Callable[..., Path]


@pytest.fixture
def runs(write_sweep: WriteSweep) -> Path:
    """Dice of the reference 0.5 and 0.7 at seed 0, 0.1 higher at seed 1; the other's 0.05 lower; distances beside."""

    def rows(shift: float) -> list[dict[str, Any]]:
        return [{"case_id": case, "dice": dice + shift, "hd95_mm": 9.0} for case, dice in (("a", 0.5), ("b", 0.7))]

    return write_sweep({"ref": {0: rows(0.0), 1: rows(0.1)}, "low": {0: rows(-0.05), 1: rows(0.05)}}, also=("hd95_mm",))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was read of the records, one word a call."""
    found: list[str] = []
    for name in ("read_sweep", "read_trials", "read_cases"):
        own = getattr(scored_sweep, name)

        def counted(*given: Any, name: str = name, own: Callable[..., Any] = own) -> Any:
            found.append(name)
            return own(*given)

        monkeypatch.setattr(scored_sweep, name, counted)
    return found


@pytest.mark.parametrize("view", [write_tables, sweep_figures, read_report])
def test_each_view_reads_the_records_once(runs: Path, reads: list[str], view: Callable[..., Any]) -> None:
    view(runs, "toy")
    assert reads.count("read_cases") == reads.count("read_trials") == 1
    assert reads.count("read_sweep") <= 1


def test_all_views_say_the_same_of_a_case(runs: Path) -> None:
    """Case a of `low`: (0.45 + 0.55) / 2 = 0.5; case b 0.7; their mean 60 %, 5 points below the reference."""
    written = write_tables(runs, "toy")
    assert "| low | <ins>" not in render_markdown(written.table)
    assert "| low | 60.00 ± 14.14 |" in written.markdown.read_text()
    (line,) = [
        own
        for own in csv.DictReader(written.csv.read_text().splitlines())
        if (own["variant"], own["metric"], own["class"]) == ("low", "dice", "mean")
    ]
    assert (float(line["mean"]), float(line["difference"])) == pytest.approx((0.6, -0.05))

    comparison = comparison_of(score_sweep(runs, "toy", settings=True))
    assert comparison.variants[1].values.tolist() == pytest.approx([0.5, 0.7])
    (pairs,) = comparison.pairs
    assert (pairs.cases, pairs.difference.values) == (("a", "b"), pytest.approx((-0.05, -0.05)))

    data = chart_data(read_report(runs, "toy"))
    assert data["values"][0][0] == [[55.0, 75.0], [50.0, 70.0]]
    low = data["rows"][0][0][1]
    assert (low["mean"], low["difference"]["mean"]) == (60.0, -5.0)
