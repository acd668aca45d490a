"""All that a report shows, as a value that knows nothing of HTML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.search import SearchResult, read_search_result
from analysis.comparison.settings import as_number, setting_label
from analysis.errors import AnalysisError
from analysis.report.cases.pictures import Browser, read_browser
from analysis.report.commands import Command, commands, path_from_here
from analysis.report.curves import TrialCurves, read_curves
from analysis.report.setup import Fact, SettingsShown, read_environment, read_settings
from analysis.report.summary import Paragraph, summarise
from analysis.report.unfinished import UnfinishedTrial, unfinished_trials
from analysis.report.values import Values, values_of
from analysis.runs.sweep import Sides, read_search

_LEAST_POINTS = 3


@dataclass(frozen=True)
class SweptSetting:
    """The one numeric setting that sets the variants apart.

    Attributes:
        label: what an axis calls it.
        values: its value by variant.
    """

    label: str
    values: dict[str, float]


@dataclass(frozen=True)
class Report:
    """A sweep's report.

    Attributes:
        sweep: the sweep's name.
        dataset: the data set's name.
        made: when and by which version, in words.
        summary: what was found, how sure.
        scored: the scores and comparisons.
        values: each case's value of every variant.
        swept: the setting, where a single numeric one was swept.
        curves: training curves.
        browser: cases to look at.
        unfinished: trials that have not finished.
        settings: what trials share and what differs.
        environment: what they ran on.
        commands: what makes it all again.
        search: what a search tried and found; None for a sweep that searches nothing.
    """

    sweep: str
    dataset: str
    made: str
    summary: tuple[Paragraph, ...]
    scored: ScoredSweep
    values: Values
    swept: SweptSetting | None
    curves: tuple[TrialCurves, ...]
    browser: Browser
    unfinished: tuple[UnfinishedTrial, ...]
    settings: SettingsShown
    environment: tuple[Fact, ...]
    commands: tuple[Command, ...]
    search: SearchResult | None = None

    @property
    def search_lines(self) -> list[str]:
        """What the search came to; where nothing was learned, without what was tested."""
        told = [] if self.search is None else self.search.sentences()
        return [line for line in told if self.scored.stop is None or "p = " not in line]

    @property
    def interval_over(self) -> str:
        """What the intervals of differences count as chance: `cases`, or `seeds and cases` where a test does."""
        found = [row.difference for row in self.scored.main.means if row.difference is not None]
        over = [each.chance for each in found if each.shown_interval is not each.interval]
        return f"{over[0]} and cases" if over else "cases"

    @property
    def any_scores(self) -> bool:
        """Whether any variant has a mean."""
        return any(row.mean is not None for each in self.scored.found for row in each.rows)

    @property
    def tested(self) -> bool:
        """Whether there is any p-value."""
        rows = (row for each in self.scored.found for row in each.rows)
        return any(row.difference is not None and row.difference.p_holm is not None for row in rows)


def read_report(
    runs: Path,
    sweep_name: str,
    reference: str | None = None,
    dataset: Path | None = None,
    *,
    sides: Sides | None = None,
    cases: bool = True,
    on_case: Callable[[int, int, str], None] | None = None,
    clock: Callable[[], datetime] = datetime.now,
) -> Report:
    """Collect the report of `runs/sweeps/sweep_name` from what has finished so far.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        reference: name of the variant to compare with; None takes the sweep's.
        dataset: the data set folder; None takes the one that the sweep ran on.
        sides: as for `score_sweep`.
        cases: whether to read images and masks for the case browser.
        on_case: is told how many cases of how many are encoded, and which was the last.
        clock: tells the date.

    Raises:
        AnalysisError: no such sweep or variant, a damaged record or mask, or `dataset` is no data set folder.
    """
    if dataset is not None and not (dataset / "cases").is_dir():
        raise AnalysisError(f"There is no data set in {dataset}; give the folder that the sweep {sweep_name} ran on.")
    scored = score_sweep(runs, sweep_name, None, reference, sides=sides, settings=True)
    sweep, trials = scored.sweep, scored.trials
    values = values_of(scored)
    settings = read_settings(sweep, trials)
    folder = dataset or sweep.dataset_folder
    left_out = Browser(notes=("The pictures were left out with `--no-cases`.",))
    report = Report(
        sweep=sweep.name,
        dataset=sweep.dataset,
        made=f"{clock():%Y-%m-%d} with simcvd {own_version()}",
        summary=tuple(summarise(scored)),
        scored=scored,
        values=values,
        swept=_swept_setting(settings, sweep.labels),
        curves=tuple(read_curves(runs, sweep)),
        browser=left_out,
        unfinished=tuple(unfinished_trials(sweep, trials)),
        settings=settings,
        environment=tuple(read_environment(runs, sweep, trials)),
        commands=tuple(
            commands(
                sweep, runs, path_from_here(folder, sweep.dataset), scored.reference, read_search(runs, sweep_name)
            )
        ),
        search=read_search_result(runs, sweep_name),
    )
    return with_cases(report, runs, dataset, on_case) if cases else report


def with_cases(
    report: Report, runs: Path, dataset: Path | None, on_case: Callable[[int, int, str], None] | None = None
) -> Report:
    """Add the case browser to a report that was read without; arguments as of `read_report`.

    Raises:
        AnalysisError: a damaged mask.
    """
    sweep = report.scored.sweep
    browser = read_browser(runs, sweep, report.values, dataset or sweep.dataset_folder, on_case)
    return replace(report, browser=browser)


def _swept_setting(settings: SettingsShown, labels: Mapping[str, str]) -> SweptSetting | None:
    if len(settings.keys) != 1:
        return None
    numbers: dict[str, Any] = {name: as_number(own[0]) for name, own in settings.differing.items() if own[0]}
    values = {name: value for name, value in numbers.items() if value is not None}
    if len(values) < len(numbers) or len(set(values.values())) < _LEAST_POINTS:
        return None
    return SweptSetting(setting_label(settings.keys[0], labels), values)


def own_version() -> str:
    """Return the version that makes a page, in words."""
    try:
        return version("simcvd")
    except PackageNotFoundError:
        return "(not installed)"
