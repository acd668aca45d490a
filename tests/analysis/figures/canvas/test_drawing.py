from functools import partial
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from analysis.figures.canvas.drawing import draw_all
from analysis.figures.importance import importance_figure


def figures(folder: Path) -> dict[Path, partial[Figure]]:
    """Two figures of nothing but their area, which take no time; what texts and lines give is asked in test_save."""
    return {folder / "a.b": partial(Figure, (0.2, 0.1)), folder / "c": partial(Figure, (0.1, 0.2))}


def test_processes_write_what_one_writes(tmp_path: Path) -> None:
    alone = list(draw_all(figures(tmp_path / "one")))
    together = list(draw_all(figures(tmp_path / "two"), workers=2))
    assert [file.name for files in alone for file in files] == [
        *("a.b.pdf", "a.b.svg", "a.b.png"),
        *("c.pdf", "c.svg", "c.png"),
    ]
    assert len(together) == 2
    for file in (file for files in alone for file in files):
        assert (tmp_path / "two" / file.name).read_bytes() == file.read_bytes()


def test_an_error_in_a_process_is_raised(tmp_path: Path) -> None:
    broken = partial(importance_figure, {"x": -1.0})
    with pytest.raises(ValueError, match="0 or more"):
        list(draw_all({tmp_path / "a": broken, tmp_path / "b": broken}, workers=2))


def test_few_figures_are_drawn_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.figures.canvas.drawing.ProcessPoolExecutor", None)
    assert len(list(draw_all(figures(tmp_path), workers=None))) == 2
