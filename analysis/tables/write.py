"""The table files of a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.comparison.table import Overview, Table, ablation_table, overview
from analysis.runs.files import write_whole
from analysis.runs.sweep import read_sweep
from analysis.tables.csv_lines import csv_lines
from analysis.tables.markdown import markdown
from analysis.tables.sheet import make_sheet


@dataclass(frozen=True)
class WrittenTables:
    """What a sweep's table shows, and the files that hold it.

    Attributes:
        table: the table, or the overview where the sweep names several metrics.
        markdown: file that holds it.
        csv: file that holds it.
        others: files of the tables behind an overview, one pair a metric.
    """

    table: Table | Overview
    markdown: Path
    csv: Path
    others: tuple[Path, ...] = ()


def sweep_table(
    runs: Path,
    sweep_name: str,
    metric: str | Sequence[str] | None = None,
    reference: str | None = None,
    *,
    two_sided: bool = False,
) -> Table | Overview:
    """Build what a sweep is to be shown as: the overview of its metrics, or the table of its only one.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        metric: one or several columns of the case records; None takes those that the sweep names.
        reference: name of the variant to compare with; None takes the sweep's.
        two_sided: as for `ablation_table`.

    Raises:
        AnalysisError: as `ablation_table`.
    """
    metrics = (
        [metric] if isinstance(metric, str) else list(dict.fromkeys(metric or read_sweep(runs, sweep_name).metrics))
    )
    if len(metrics) == 1:
        return ablation_table(runs, sweep_name, metrics[0], reference, two_sided=two_sided)
    return overview(runs, sweep_name, reference, metrics, two_sided=two_sided)


def write_tables(runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None) -> WrittenTables:
    """Build the table of a sweep and write `runs/sweeps/NAME/tables/table.md` and `table.csv`.

    Another metric than the sweep's goes to `table-METRIC.*`, another reference to `table-METRIC-vs-REFERENCE.*`. Of a
    sweep with several metrics, each has its table, and `overview.*` shows all (`overview-vs-REFERENCE.*`).

    Raises:
        AnalysisError: as `ablation_table`.
    """
    sweep = read_sweep(runs, sweep_name)
    folder = runs / "sweeps" / sweep_name / "tables"
    found = sweep_table(runs, sweep_name, metric, reference)

    def write(table: Table | Overview) -> tuple[Path, Path]:
        main = table.main if isinstance(table, Overview) else table
        foreign = main.reference != sweep.reference
        stem = "overview" if isinstance(table, Overview) else "table"
        if isinstance(table, Table) and (foreign or main.metric.name != sweep.metric):
            stem += f"-{main.metric.name}"
        if foreign:
            stem += "-vs-" + "".join(c if c.isalnum() or c in "._=-" else "_" for c in str(main.reference))
        files = folder / f"{stem}.md", folder / f"{stem}.csv"
        sheet = make_sheet([table])
        for file, text in zip(files, (markdown(sheet), csv_lines(sheet)), strict=True):
            write_whole(file, text.encode())
        return files

    others = [file for table in (found.tables if isinstance(found, Overview) else ()) for file in write(table)]
    return WrittenTables(found, *write(found), tuple(others))
