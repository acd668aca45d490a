"""What is made of records: tables, figures and the report, each whole or as it was before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from matplotlib.figure import Figure

from analysis.figures.canvas.save import save_figure
from analysis.report.write import write_report
from analysis.tables import write_tables
from tests.analysis.made_runs import write_toy_sweep
from tests.analysis.made_sweeps import DROPOUT, dropout_variants
from tests.faults.conftest import Hold
from tests.faults.content import files
from tests.faults.replay import Scene


def _begin(runs: Path) -> None:
    write_toy_sweep(runs, dropout_variants(), reference=DROPOUT)


def _without_halves(runs: Path) -> dict[str, Any]:
    """Return all files; halves, which are deleted a day later, are passed over, as readers do."""
    return {name: content for name, content in files(runs).items() if ".tmp-" not in name}


def _draw(runs: Path) -> None:
    with mock.patch("analysis.figures.canvas.save.render", lambda figure, format_: format_.encode() * 100):
        save_figure(Figure(), runs / "sweeps" / "toy" / "figures" / "forest")


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "tables": lambda runs: write_tables(runs, "toy"),
    "figure": _draw,
    "report": lambda runs: write_report(runs, "toy", cases=False),
}


@pytest.mark.parametrize("most", [5, pytest.param(30, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("name", list(COMMANDS))
def test_an_output_is_whole_or_not_there_whatever_its_file_met(name: str, most: int, hold: Hold) -> None:
    scene = Scene(COMMANDS[name], _without_halves, _without_halves, _begin)
    hold(scene, f"pytest tests/faults/test_outputs.py -k {name}-", most)
