import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.published import published_of
from analysis.tables import Style, Table, make_sheet, overview, render_latex
from analysis.tables.latex import escaped
from tests.analysis.made_sweeps import ODD, odd_trial

WriteSweep = Callable[..., Path]
TableOf = Callable[..., Table]


def test_latex_escapes_what_it_would_read_as_a_command() -> None:
    assert escaped(ODD[0]) == r"50\% \& \$x\_1\$ \{a\} \#2 \textasciitilde{} \textasciicircum{} \textbackslash{}n ''q''"
    assert escaped("<a|b>") == r"\textless{}a\textbar{}b\textgreater{}"
    letters = "\N{GREEK CAPITAL LETTER ALPHA}\N{GREEK SMALL LETTER LAMDA}\N{GREEK CAPITAL LETTER OMEGA}"
    assert escaped(letters) == r"A$\lambda$$\Omega$"


def test_latex_says_once_what_every_row_says(write_sweep: WriteSweep) -> None:
    given = {name: {0: odd_trial(shift, 0, 1)} for name, shift in (("a", 0.01), ("ref", 0.0))}
    text = render_latex(overview(write_sweep(given), "toy"))
    assert "Every row: n 8, seeds 1/1, failed 0, unfinished 0, empty 0." in text
    assert "unfinished &" not in text


def test_latex_columns_fit_its_preamble(odd: TableOf) -> None:
    text = render_latex(odd(classes=2))
    preamble = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert preamble is not None
    body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and r"\multicolumn" not in line]
    assert len(lines) == 3 * 5
    assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in lines} == {len(preamble.group(1))}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(odd: TableOf, tmp_path: Path) -> None:
    of = odd(classes=2)
    paper = published_of("table-i-ii-methods", "la", block="la-16")
    odd = [odd(style=Style("ci", "stars"), metrics=("dice",)), make_sheet(of.sources, published=[paper])]
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
