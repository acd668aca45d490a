"""Every format shows every value; names with the format's own marks stay names."""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.comparison.metric import shown, shown_p
from analysis.published import published_of
from analysis.tables import (
    Sheet,
    Style,
    make_sheet,
    overview,
    render_csv,
    render_html,
    render_latex,
    render_markdown,
    render_terminal,
)
from analysis.tables.columns import columns
from analysis.tables.latex import escaped as latex_escaped

WriteSweep = Callable[..., Path]

ODD = [
    '50% & $x_1$ {a} #2 ~ ^ \\n "q"',
    "<script>alert(1)</script>",
    "*a* | `b` [c](d) _e_",
    "\N{GREEK SMALL LETTER ALPHA}=0.1 ± Größe ≤ 3",
]
METRICS = ("dice", "hd95_mm")


def trial(shift: float, seed: int, classes: int) -> list[dict[str, Any]]:
    return [
        {
            "case_id": f"c{i}",
            "class_id": k,
            "dice": 0.8 + 0.01 * ((7 * i + 3 * k + seed) % 5) - shift * (1 + 0.1 * i),
            "hd95_mm": 4 + (5 * i + seed) % 7 + 40 * shift,
        }
        for i in range(8)
        for k in range(1, classes + 1)
    ]


def sheet(write_sweep: WriteSweep, classes: int = 1, seeds: int = 2, **options: Any) -> Sheet:
    """Four variants with odd names and a reference; one variant lost a trial."""
    given: dict[str, Any] = {
        name: {seed: trial(0.01 * place, seed, classes) for seed in range(seeds)}
        for place, name in enumerate([*ODD, "ref"])
    }
    given[ODD[1]][0] = "out_of_memory"
    runs = write_sweep(given, also=("hd95_mm",))
    return make_sheet([overview(runs, "toy", metrics=options.pop("metrics", METRICS))], **options)


def texts(of: Sheet) -> list[list[str]]:
    return [[column.cell(line).text for column in columns(of)] for line in of.lines]


class Page(HTMLParser):
    """The cells of each row, as a browser shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.sorts: list[str | None] = []
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.sorts += [value for name, value in attrs if name == "data-sort"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("metrics", [METRICS, ("dice",)])
@pytest.mark.parametrize("classes", [1, 2])
def test_html_is_well_formed_and_shows_every_cell(
    write_sweep: WriteSweep, metrics: tuple[str, ...], classes: int
) -> None:
    of = sheet(write_sweep, classes, metrics=metrics)
    page = Page()
    page.feed(render_html(of))
    assert page.open == []
    assert page.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong", "u", "ul", "li", "sup"}
    shown_rows = texts(of)
    assert [row for row in page.rows if row in shown_rows] == shown_rows


def test_html_sorts_by_the_number_behind_the_text(write_sweep: WriteSweep) -> None:
    of = sheet(write_sweep, metrics=("dice",))
    page = Page()
    page.feed(render_html(of))
    width = len(columns(of))
    means = [float(str(text)) for text in page.sorts[1::width]]
    assert means == pytest.approx([100 * line.row.mean for line in of.lines if line.row.mean is not None])


@pytest.mark.parametrize("metrics", [METRICS, ("dice",)])
def test_markdown_has_as_many_cells_in_every_line(write_sweep: WriteSweep, metrics: tuple[str, ...]) -> None:
    of = sheet(write_sweep, classes=2, metrics=metrics)
    lines = [line for line in render_markdown(of).splitlines() if line.startswith("|")]
    assert len(lines) == 3 * (2 + 5)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(columns(of)) + 1}
    assert r"\*a\* \| \`b\` \[c](d) \_e\_" in render_markdown(of)
    assert r"\<script>" in render_markdown(of)
    assert "\n| <script>" not in render_markdown(of)


def test_csv_holds_names_as_they_are(write_sweep: WriteSweep) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(sheet(write_sweep)))))
    assert list(dict.fromkeys(line["variant"] for line in lines)) == [*ODD, "ref"]


def test_csv_holds_every_statistic_of_a_row(write_sweep: WriteSweep) -> None:
    of = sheet(write_sweep)
    lines = {
        (line["variant"], line["metric"], line["class"]): line for line in csv.DictReader(io.StringIO(render_csv(of)))
    }
    for line in of.lines:
        for value in line.values:
            row, found = value.row, lines[value.row.variant, value.metric.name, "mean"]
            if (difference := row.difference) is None:
                assert found["p_holm"] == found["p_over_seeds"] == found["hedges_g"] == ""
                continue
            expected = {
                "difference": difference.test.difference,
                "difference_ci_low": difference.interval.low,
                "difference_ci_high": difference.interval.high,
                "hedges_g": difference.effect.g,
                "p": difference.test.p,
                "p_holm": difference.p_holm,
                "p_over_seeds": difference.over_seeds.p if difference.over_seeds else None,
                "p_over_seeds_holm": difference.over_seeds_holm,
                "p_signed_rank": difference.signed_rank.p,
                "p_normality": difference.normality,
                "ci_low": row.interval.low,
                "ci_high": row.interval.high,
            }
            assert {name: found[name] for name in expected} == {
                name: "" if number is None else repr(number) for name, number in expected.items()
            }


@pytest.mark.parametrize("width", [60, 80, 100, 170])
@pytest.mark.parametrize("significance", ["p", "stars"])
@pytest.mark.parametrize("metrics", [METRICS, ("dice",)])
def test_the_terminal_shows_every_mean_and_p_whole(
    write_sweep: WriteSweep, width: int, significance: Any, metrics: tuple[str, ...]
) -> None:
    of = sheet(write_sweep, classes=2, metrics=metrics, style=Style(significance=significance))
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(render_terminal(of, width))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines())) <= width
    words = re.split(r"[\s±]|seeds=?|p=?(?=[\d<>])", printed)
    for line in of.lines:
        for value in line.values:
            assert (
                shown(value.row.mean, value.metric) + (value.stars if len(metrics) == 1 and width > 80 else "") in words
            )
            if significance == "p" and value.row.difference is not None:
                assert shown_p(value.p) in words
                assert shown_p(value.p_over_seeds) in words


def test_the_terminal_highlights_best_and_second(write_sweep: WriteSweep) -> None:
    of = sheet(write_sweep, metrics=("dice",))
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(render_terminal(of, 100))
    assert isinstance(console.file, io.StringIO)
    by_rank = {line.values[0].rank: line for line in of.lines}
    best, second = (shown(by_rank[rank].row.mean, of.metrics[0]) for rank in ("best", "second"))  # type: ignore[index]
    assert re.search(rf"\x1b\[1m *{best}", console.file.getvalue())
    assert re.search(rf"\x1b\[4m *{second}", console.file.getvalue())


def test_latex_escapes_what_it_would_read_as_a_command() -> None:
    assert (
        latex_escaped(ODD[0])
        == r"50\% \& \$x\_1\$ \{a\} \#2 \textasciitilde{} \textasciicircum{} \textbackslash{}n ''q''"
    )
    assert latex_escaped("<a|b>") == r"\textless{}a\textbar{}b\textgreater{}"
    letters = "\N{GREEK CAPITAL LETTER ALPHA}\N{GREEK SMALL LETTER LAMDA}\N{GREEK CAPITAL LETTER OMEGA}"
    assert latex_escaped(letters) == r"A$\lambda$$\Omega$"


def test_latex_says_once_what_every_row_says(write_sweep: WriteSweep) -> None:
    given = {name: {0: trial(shift, 0, 1)} for name, shift in (("a", 0.01), ("ref", 0.0))}
    text = render_latex(overview(write_sweep(given), "toy"))
    assert "Every row: n 8, seeds 1/1, failed 0, unfinished 0, empty 0." in text
    assert "unfinished &" not in text


def test_latex_columns_fit_its_preamble(write_sweep: WriteSweep) -> None:
    text = render_latex(sheet(write_sweep, classes=2))
    preamble = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert preamble is not None
    body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and r"\multicolumn" not in line]
    assert len(lines) == 3 * 5
    assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in lines} == {len(preamble.group(1))}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(write_sweep: WriteSweep, tmp_path: Path) -> None:
    of = sheet(write_sweep, classes=2)
    paper = published_of("table-i-ii-methods", "la", block="la-16")
    odd = [sheet(write_sweep, style=Style("ci", "stars"), metrics=("dice",)), make_sheet(of.sources, published=[paper])]
    tables = "\n".join(render_latex(each) for each in (of, *odd))
    document = "\n".join(
        [
            r"\documentclass[twocolumn]{article}",
            r"\usepackage{booktabs,adjustbox}",
            r"\begin{document}",
            tables,
            r"\end{document}",
        ]
    )
    (tmp_path / "paper.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"Warning: Reference" not in done.stdout
