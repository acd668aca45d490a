import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from analysis.comparison.metric import find_metric
from analysis.figures.canvas.save import FORMATS, render, save_figure
from analysis.figures.canvas.style import ONE_COLUMN_MM, new_figure, style
from analysis.figures.history import history_figure
from analysis.figures.study import Study
from analysis.runs.tried_setting import TriedSetting

DRAW = """
import hashlib
from analysis.figures.canvas.save import render
from analysis.figures.study import Study
from analysis.runs.tried_setting import TriedSetting
from analysis.figures.history import history_figure
from analysis.comparison.metric import find_metric
trials = tuple(TriedSetting(n, {}, state="complete", value=0.5 + 0.01 * n) for n in range(5))
figure = history_figure(Study("s", find_metric("dice"), trials))
print(*(hashlib.sha256(render(figure, format_)).hexdigest() for format_ in ("pdf", "svg", "png")))
"""


def small() -> Figure:
    with style():
        figure = new_figure(ONE_COLUMN_MM, 40)
        axes = figure.add_subplot()
        axes.fill_between([0, 1], [0, 1], [1, 2], alpha=0.2)
        axes.set_xlabel("Dice [%] of $p$_1")
    return figure


def test_another_process_writes_the_same_bytes() -> None:
    other = subprocess.run(
        [sys.executable, "-c", DRAW],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[4],
        env={**os.environ, "PYTHONHASHSEED": "1"},
    ).stdout
    trials = tuple(TriedSetting(n, {}, state="complete", value=0.5 + 0.01 * n) for n in range(5))
    figure = history_figure(Study("s", find_metric("dice"), trials))
    assert other.split() == [hashlib.sha256(render(figure, format_)).hexdigest() for format_ in FORMATS]


@dataclass(frozen=True)
class Saved:
    """The files of `small`, and when they were written, by the clock of the process."""

    files: tuple[Path, ...]
    at: float

    @property
    def contents(self) -> list[bytes]:
        return [file.read_bytes() for file in self.files]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(save_figure(small(), tmp_path_factory.mktemp("saved") / "new" / "a.b"), time.monotonic())


def test_files_carry_truetype_fonts_and_no_date(saved: Saved) -> None:
    pdf, svg, png = saved.files
    assert [file.name for file in (pdf, svg, png)] == ["a.b.pdf", "a.b.svg", "a.b.png"]
    assert sorted(pdf.parent.iterdir()) == sorted([pdf, svg, png])
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()
    assert b"Date" not in pdf.read_bytes()
    assert "<dc:date>" not in svg.read_text()
    assert b"tIME" not in png.read_bytes()


def test_png_has_300_dots_per_inch(saved: Saved) -> None:
    from matplotlib.image import imread

    height, width = imread(saved.files[2]).shape[:2]
    assert (width, height) == (int(ONE_COLUMN_MM / 25.4 * 300), int(40 / 25.4 * 300))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf, _, _ = save_figure(Figure((0.1, 0.1)), tmp_path / "a")
    before = pdf.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        save_figure(Figure((0.2, 0.1)), tmp_path / "a")
    assert pdf.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_no_pyplot_state_is_left() -> None:
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_the_same_figure_is_the_same_bytes_a_second_later_in_any_order(saved: Saved) -> None:
    time.sleep(max(0.0, saved.at + 1.1 - time.monotonic()))  # dates in files count seconds
    figure = small()
    assert [render(figure, format_) for format_ in reversed(FORMATS)] == saved.contents[::-1]
