"""The files of a sweep that has ended: its tables, and the verdict beside them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.comparison.search import read_search_result
from analysis.ending.caution import Asked
from analysis.ending.ending import Ending, ending_of
from analysis.ending.show import ending_markdown
from analysis.tables.write import write_tables
from simcvd.files import write_file
from simcvd.nested import finite


def write_ending(runs: Path, sweep_name: str, asked: Asked = Asked()) -> Ending:  # noqa: B008 (frozen)
    """Write all tables of a sweep, and `verdict.md` and `verdict.json` beside them, to `runs/sweeps/NAME/tables`.

    Args:
        runs: the runs folder; one in the working folder is named from there.
        sweep_name: folder name of the sweep.
        asked: what its command can be told.

    Raises:
        AnalysisError: as `score_sweep`.
    """
    file = verdict_file(runs, sweep_name)
    for old in (file, file.with_suffix(".md")):
        old.unlink(missing_ok=True)  # what can't be said anew must not stay
    (scored,) = write_tables(runs, sweep_name).table.sources
    search = read_search_result(runs, sweep_name)
    if search is not None and asked.seeds is not None:
        asked = replace(asked, seeds="strategy.confirm_seeds")
    place = runs / "sweeps" / sweep_name
    if place.is_relative_to(Path.cwd()):
        place = place.relative_to(Path.cwd())
    lasting = ending_of(scored, place, search=search, asked=replace(asked, timed=False))
    write_file(file, json.dumps(finite(lasting.content), indent=2) + "\n")
    write_file(file.with_suffix(".md"), ending_markdown(lasting))
    return ending_of(scored, place, search=search, asked=asked)


def read_verdict(runs: Path, sweep_name: str) -> dict[str, Any] | None:
    """Return what `write_ending` wrote for programs; None where there is nothing that can be read."""
    try:
        found = json.loads(verdict_file(runs, sweep_name).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def verdict_file(runs: Path, sweep_name: str) -> Path:
    """Return the file of the verdict for programs, whether it is there or not."""
    return runs / "sweeps" / sweep_name / "tables" / "verdict.json"
