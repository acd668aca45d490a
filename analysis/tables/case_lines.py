"""The scores themselves as CSV, a row a case and a column a variant, as tools that judge claims read them."""

import csv
import io

from analysis.comparison.aggregate import FOREGROUND, case_values
from analysis.errors import AnalysisError
from analysis.runs.spreadsheet import guarded
from analysis.tables.table import Shown, as_table


def render_cases(table: Shown) -> str:
    """Return a line a case: its id, then each variant's score in the stored unit (Dice from 0 to 1).

    Replicates are averaged per case, then the foreground classes. A score that is missing is an empty cell.

    Raises:
        AnalysisError: the table is of several sweeps or metrics.
    """
    table = as_table(table)
    if len(table.sources) > 1 or len(table.metrics) > 1:
        what = "sweeps" if len(table.sources) > 1 else "metrics; choose one with --metric"
        raise AnalysisError(f"--format cases is for one sweep and one metric, not for several {what}.")
    (source,) = table.sources
    scores = source.main.scores
    values = {name: case_values(own)[:, FOREGROUND].tolist() if own.runs else None for name, own in scores.items()}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["case", *map(guarded, values)])
    for place, case in enumerate(source.cases):
        cells = ("" if own is None or own[place] != own[place] else repr(own[place]) for own in values.values())
        writer.writerow([guarded(case), *cells])
    return out.getvalue()
