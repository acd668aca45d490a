"""Terminal, table files, figures, report and the end of a sweep show the same numbers, to the digit."""

import csv
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.comparison.metric import shown, shown_p
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.ending.show import ending_lines
from analysis.ending.write import write_ending
from analysis.figures.comparison import comparison_of
from analysis.figures.forest import forest_caption, forest_figure
from analysis.report.content import read_report
from analysis.report.page import render
from analysis.runs.sweep import Sides, sweep_file
from analysis.tables import render_latex
from tests.analysis.ending.made_endings import REFERENCE, variants
from tests.analysis.made_sweeps import printed

WriteSweep = Callable[..., Path]
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(params=["two-sided", "one-sided"])
def runs(request: pytest.FixtureRequest, write_sweep: WriteSweep) -> tuple[Path, Sides]:
    """A sweep of three seeds and a metric, whose file says which sides its tests ask for."""
    runs = write_sweep(variants([0, 1, 2], luck=0.004), reference=REFERENCE)
    file = sweep_file(runs, "toy")
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"test": request.param}))
    return runs, request.param


def numbers(scored: ScoredSweep) -> dict[str, list[str]]:
    """What each variant's row is to show: mean, difference, interval, both p-values."""
    metric, found = scored.main.metric, {}
    for row in scored.main.means:
        if row.difference is not None:
            low, high = row.difference.shown_interval.low, row.difference.shown_interval.high
            assert low is not None
            assert high is not None
            found[row.variant] = [
                *(shown(row.mean, metric), shown(row.difference.test.difference, metric, "+")),
                *(shown(limit, metric, "+") for limit in (low, high)),
                *(shown_p(p) for p in (row.difference.p_holm, row.difference.over_seeds_holm)),
            ]
    return found


def test_every_view_shows_the_same_numbers(runs: tuple[Path, Sides]) -> None:
    folder, sides = runs
    scored = score_sweep(folder, "toy", settings=True)
    assert scored.sides == sides
    expected = numbers(scored)
    assert len(expected) == 5
    ending = write_ending(folder, "toy")
    tables = folder / "sweeps" / "toy" / "tables"
    report = read_report(folder, "toy", cases=False)
    views: dict[str, Any] = {
        "terminal": printed(scored, 150),
        "markdown": (tables / "table.md").read_text(),
        "latex": render_latex(scored).replace(MINUS, "-"),
        "report": "\n".join(
            [report.scored.sides, *re.findall(r"<tr data-class=\"mean\".*?</tr>", render(report), re.DOTALL)]
        ),
    }
    for name, text in views.items():
        assert f"{sides}" in text, name
        lines = text.split("\n<tr") if name == "report" else text.splitlines()
        for variant, own in expected.items():
            (line,) = [each for each in map(_plain, lines) if each.startswith(f"{variant} ")][:1]
            wanted = [*own[:2], *own[4:]] if name == "terminal" else own  # a terminal has no room for intervals
            assert [number for number in wanted if number not in line.split()] == [], (name, variant, line)
    rows = {row["variant"]: row for row in csv.DictReader((tables / "table.csv").read_text().splitlines())}
    for variant, own in expected.items():
        row = rows[variant]
        assert row["alternative"] == ("different" if sides == "two-sided" else "reference higher")
        values = [f"{100 * float(row['mean']):.2f}"]
        keys = ("difference", "difference_ci_over_seeds_low", "difference_ci_over_seeds_high")
        values += [f"{100 * float(row[key]) + 0.0:+.2f}" for key in keys]
        values += [shown_p(float(row[key])) for key in ("p_holm", "p_over_seeds_holm")]
        assert values == own
    _check_figure(scored, expected)
    _check_words(" ".join(ending_lines(ending, 200)), ending.content["best"]["variant"], expected)
    said = [item for part in report.summary for item in part.items]
    for variant, text in said:
        if variant in expected:
            _check_words(text, variant, expected)
    assert {variant for variant, _ in said} >= set(expected)


def _plain(line: str) -> str:
    """A row of any format as words."""
    text = html.unescape(re.sub(r"^[^>]*>|<[^>]*>", " ", line)) if "</t" in line else line
    text = re.sub(r"</?ins>", "", text)
    text = re.sub(r"\\(textbf|underline)\{([^}]*)\}", r"\2", text)
    text = re.sub(r"\$-\$", "-", re.sub(r"\$([<>])\$(\{\})?", r"\1", text)).replace("{}", "")
    text = re.sub(r"[|&*]|\\\\|\$|\\pm", " ", text)
    return " ".join(text.replace(r"\textless", "<").replace(r"\textgreater", ">").split())


def _check_figure(scored: ScoredSweep, expected: dict[str, list[str]]) -> None:
    comparison = comparison_of(scored)
    assert f"paired {scored.sides} t-test" in forest_caption(comparison)
    texts = [text.get_text().replace(MINUS, "-") for text in forest_figure(comparison).axes[0].texts]
    for _, difference, low, high, p, over_seeds in expected.values():
        assert f"{difference} [{low}, {high}]" in texts
        assert {p, over_seeds} <= set(texts)


def _check_words(text: str, variant: str, expected: dict[str, list[str]]) -> None:
    if variant not in expected:
        return
    _, difference, low, high, p, over_seeds = expected[variant]
    bare = [limit.lstrip("+") for limit in (low, high)]
    assert f"{difference} points (95 % CI {bare[0]} to {bare[1]})" in text
    for value in (p, over_seeds):
        assert (f"p {value[0]} {value[1:]}" if value[0] in "<>" else f"p = {value}") in text
