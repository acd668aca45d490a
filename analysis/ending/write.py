"""The files of a sweep that has ended: its tables, and the verdict beside them."""

import json
from pathlib import Path

from analysis.comparison.search import read_search_result
from analysis.ending.ending import Ending, ending_of
from analysis.ending.show import ending_markdown
from analysis.tables.write import write_tables
from simcvd.files import write_file
from simcvd.nested import finite


def write_ending(runs: Path, sweep_name: str, slots: int | None = None) -> Ending:
    """Write all tables of a sweep, and `verdict.md` and `verdict.json` beside them, to `runs/sweeps/NAME/tables`.

    Args:
        runs: the runs folder, as commands are to name it.
        sweep_name: folder name of the sweep.
        slots: trials that run side by side; None where that is not known.

    Raises:
        AnalysisError: as `score_sweep`.
    """
    (scored,) = write_tables(runs, sweep_name).table.sources
    place = runs / "sweeps" / sweep_name
    ending = ending_of(scored, place, search=read_search_result(runs, sweep_name), slots=slots)
    write_file(verdict_file(runs, sweep_name), json.dumps(finite(ending.content), indent=2) + "\n")
    write_file(verdict_file(runs, sweep_name).with_suffix(".md"), ending_markdown(ending))
    return ending


def verdict_file(runs: Path, sweep_name: str) -> Path:
    """Return the file of the verdict for programs, whether it is there or not."""
    return runs / "sweeps" / sweep_name / "tables" / "verdict.json"
