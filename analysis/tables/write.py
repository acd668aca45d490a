"""The table files of a sweep."""

from dataclasses import dataclass
from pathlib import Path

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.tables.csv_lines import render_csv
from analysis.tables.markdown import render_markdown
from analysis.tables.table import Table
from simcvd.files import write_file


@dataclass(frozen=True)
class WrittenTables:
    """What a sweep's table shows, and the files that hold it.

    Attributes:
        table: the table, of all metrics that the sweep names.
        markdown: file that holds it.
        csv: file that holds it.
        others: files of each metric's own table, one pair a metric, where there are several.
    """

    table: Table
    markdown: Path
    csv: Path
    others: tuple[Path, ...] = ()


def write_tables(runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None) -> WrittenTables:
    """Build the table of a sweep and write `runs/sweeps/NAME/tables/table.md` and `table.csv`.

    Another metric than the sweep's goes to `table-METRIC.*`, another reference to `table-METRIC-vs-REFERENCE.*`. Of a
    sweep with several metrics, each has its table, and `overview.*` shows all (`overview-vs-REFERENCE.*`).

    Raises:
        AnalysisError: as `score_sweep`.
    """
    found = score_sweep(runs, sweep_name, metric, reference)
    folder = runs / "sweeps" / sweep_name / "tables"

    def write(scored: ScoredSweep) -> tuple[Path, Path]:
        foreign, several = scored.reference != scored.sweep.reference, len(scored.metrics) > 1
        stem = "overview" if several else "table"
        if not several and (foreign or scored.main.metric.name != scored.sweep.metric):
            stem += f"-{scored.main.metric.name}"
        if foreign:
            stem += "-vs-" + "".join(c if c.isalnum() or c in "._=-" else "_" for c in str(scored.reference))
        files = folder / f"{stem}.md", folder / f"{stem}.csv"
        for file, render in zip(files, (render_markdown, render_csv), strict=True):
            write_file(file, render(scored))
        return files

    others = [file for alone in (found.each() if len(found.metrics) > 1 else ()) for file in write(alone)]
    return WrittenTables(Table((found,)), *write(found), tuple(others))
