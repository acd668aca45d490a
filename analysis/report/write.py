"""The report's file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.report.content import Report, read_report
from analysis.report.page import render
from analysis.runs.sweep import Sides
from simcvd.files import write_file


@dataclass(frozen=True)
class WrittenReport:
    """A report in its file.

    Attributes:
        report: what it shows.
        path: the file.
        size: of the file, in bytes.
    """

    report: Report
    path: Path
    size: int


def write_report(
    runs: Path,
    sweep_name: str,
    reference: str | None = None,
    dataset: Path | None = None,
    *,
    sides: Sides | None = None,
    cases: bool = True,
    on_case: Callable[[int, int, str], None] | None = None,
) -> WrittenReport:
    """Write `runs/sweeps/sweep_name/report.html`.

    Args:
        runs: as of `read_report`, like the others.
        sweep_name: see there.
        reference: see there.
        dataset: see there.
        sides: see there.
        cases: see there.
        on_case: see there.

    Raises:
        AnalysisError: as `read_report`.
    """
    report = read_report(runs, sweep_name, reference, dataset, sides=sides, cases=cases, on_case=on_case)
    content = render(report).encode()
    path = runs / "sweeps" / sweep_name / "report.html"
    write_file(path, content)
    return WrittenReport(report, path, len(content))
