"""The figures of a sweep: those that apply to what has finished, written into its folder with their captions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.importance import EVALUATOR
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.comparison.settings import shown_names
from analysis.errors import AnalysisError
from analysis.figures.boxes import box_caption, box_figure
from analysis.figures.canvas.drawing import draw_all
from analysis.figures.canvas.style import WIDTHS_MM, Width
from analysis.figures.cases.cases_of_sweep import CasesOfSweep, read_cases_of_sweep
from analysis.figures.cases.qualitative import qualitative_caption, qualitative_figure
from analysis.figures.cases.surface import surface_caption, surface_figure
from analysis.figures.comparison import Comparison, comparison_of
from analysis.figures.curves import sensitivities
from analysis.figures.forest import forest_caption, forest_figure
from analysis.figures.history import history_caption, history_figure
from analysis.figures.importance import importance_caption, importance_figure
from analysis.figures.label_efficiency import SETTING as LABELED
from analysis.figures.label_efficiency import label_efficiency, label_efficiency_caption, label_efficiency_figure
from analysis.figures.paired import paired_caption, paired_figure
from analysis.figures.parallel import parallel_caption, parallel_figure
from analysis.figures.sensitivity import sensitivity_caption, sensitivity_figure
from analysis.figures.study import Study
from analysis.figures.study_file import read_study
from analysis.figures.training.of_sweep import training_overview_caption, training_overview_figure
from analysis.figures.training.of_variant import training_caption, training_figure
from analysis.runs.sweep import Sides, Sweep, read_sweep
from analysis.runs.training_log import read_training_logs
from simcvd.files import fitting_name, write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_BYTES = 230
"""Of a variant's name in that of a file, which has words before and an ending after it."""


_Given = Mapping[str, Any]
"""What each drawing function is told beside its data: the width, where one is asked for."""


@dataclass(frozen=True)
class FigureRequest:
    """What figures of a sweep are asked for.

    Attributes:
        metric: a column of the case records; None takes the sweep's.
        reference: name of the variant to compare with; None takes the sweep's.
        dataset: the data set folder, where the images are; None takes the one that the sweep ran on.
        sides: what the tests ask for; None takes the sweep's.
        width: `column` (89 mm) or `page` (183 mm) for all figures; None chooses for each.
    """

    metric: str | None = None
    reference: str | None = None
    dataset: Path | None = None
    sides: Sides | None = None
    width: Width | None = None


@dataclass(frozen=True)
class SweepFigure:
    """A figure that applies to a sweep.

    Attributes:
        name: its files are called so.
        caption: what it shows and what is missing in it.
        draw: makes it.
    """

    name: str
    caption: str
    draw: "Callable[[], Figure]"


@dataclass(frozen=True)
class SweepFigures:
    """All figures that apply to a sweep.

    Attributes:
        scored: the sweep, in the metric that they are of.
        figures: in the order in which a reader wants them.
        remarks: which do not apply although one would look for them, and why, in sentences.
    """

    scored: ScoredSweep
    figures: tuple[SweepFigure, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class WrittenFigures:
    """The files of a sweep's figures.

    Attributes:
        folder: where they are.
        files: PDF, SVG and PNG of each, then the captions.
        remarks: as of `SweepFigures`.
    """

    folder: Path
    files: tuple[Path, ...]
    remarks: tuple[str, ...]


def sweep_figures(runs: Path, sweep_name: str, request: FigureRequest = FigureRequest()) -> SweepFigures:
    """Choose the figures of `runs/sweeps/sweep_name` that its finished trials allow.

    | figure | where |
    |---|---|
    | `sensitivity-SETTING` | a numeric setting takes three values or more, all others alike |
    | `label-efficiency` | a method has values for two numbers of labelled cases or more |
    | `forest`, `paired` | a variant shares scored cases with the reference |
    | `boxes` | any variant has a value |
    | `slices`, `surfaces` | the reference has masks, and the data set is there |
    | `history`, `importance`, `parallel` | the sweep has searched settings |
    | `training` | two variants or more have a log, and the metric and reference are the sweep's own |
    | `training-VARIANT` | the same for the reference, or the only variant with a log: all that it logged |

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        request: what they are to be of, and how wide.

    Raises:
        AnalysisError: no such sweep, metric, variant or data set, a damaged file, or scores that can't be compared.
    """
    sweep = read_sweep(runs, sweep_name)
    metric = request.metric or sweep.metric
    scored = score_sweep(runs, sweep, metric, request.reference, sides=request.sides, settings=True)
    comparison = comparison_of(scored)
    cases = read_cases_of_sweep(runs, sweep, comparison, request.dataset)
    given = {} if request.width is None else {"width_mm": WIDTHS_MM[request.width]}
    found = [*_of_scores(comparison, given), *_of_cases(cases, comparison, given)]
    if (comparison.metric.name, scored.reference) == (sweep.metric, sweep.reference):
        study = read_study(runs / "sweeps" / sweep_name / "study.journal", comparison.metric)
        found += _of_study(None if study is None else study.called(sweep.labels), given)
        found += _of_logs(runs, sweep, given)
    remarks = () if cases.cases or not comparison.scored else cases.remarks
    return SweepFigures(scored, tuple(found), remarks if scored.stop is None else (scored.stop, *remarks))


def write_figures(
    runs: Path,
    sweep_name: str,
    request: FigureRequest = FigureRequest(),
    *,
    on_figure: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = 1,
) -> WrittenFigures:
    """Write the figures of a sweep to `runs/sweeps/NAME/figures` and their captions to `captions.md` beside them.

    Another metric than the sweep's, or another reference, has a folder of its own in it.

    Args:
        runs: as of `sweep_figures`, like the next two.
        sweep_name: see there.
        request: see there.
        on_figure: is told how many figures are written and how many there are, at first and after each.
        workers: processes that draw; see `draw_all`.

    Raises:
        AnalysisError: as `sweep_figures`, or nothing can be drawn yet.
    """
    found = sweep_figures(runs, sweep_name, request)
    folder, sweep = runs / "sweeps" / sweep_name / "figures", found.scored.sweep
    drawn = found.scored.main.metric.name, found.scored.reference
    if drawn != (sweep.metric, sweep.reference):
        against = f"-vs-{file_name(drawn[1])}" if drawn[1] != sweep.reference else ""
        folder /= f"{drawn[0]}{against}"
    if not found.figures:
        raise AnalysisError(
            f"The sweep {sweep_name} in {runs} has neither scores nor logs to draw; wait for its first trial."
        )
    stems = {folder / figure.name: figure.draw for figure in found.figures}
    on_figure(0, len(stems))
    written: dict[Path, tuple[Path, ...]] = {}
    for files in draw_all(stems, workers):
        written[files[0].with_suffix("")] = files
        on_figure(len(written), len(stems))
    captions = folder / "captions.md"
    stop = [] if found.scored.stop is None else [f"**{found.scored.stop}**\n"]
    text = [
        f"# Figures of {sweep_name}\n",
        *stop,
        *(f"## {figure.name}\n\n{figure.caption}\n" for figure in found.figures),
    ]
    write_file(captions, "\n".join([*text, *(f"{remark}\n" for remark in found.remarks)]))
    ordered = (file for stem in stems for file in written[stem])
    return WrittenFigures(folder, (*ordered, captions), found.remarks)


def file_name(name: object) -> str:
    """Return a variant's name with everything that file systems dislike as `_`, none at its end; a long one is cut."""
    safe = "".join(letter if letter.isalnum() or letter in "._=-" else "_" for letter in str(name))
    return fitting_name(safe.rstrip("._") or "_", _MOST_BYTES)


def _of_scores(comparison: Comparison, given: _Given) -> Iterator[SweepFigure]:
    efficiency = label_efficiency([comparison])
    for data in sensitivities(comparison):
        if efficiency is None or data.setting != LABELED:
            name = f"sensitivity-{data.setting}"
            yield SweepFigure(name, sensitivity_caption(data), partial(sensitivity_figure, data, **given))
    if efficiency is not None:
        draw = partial(label_efficiency_figure, efficiency, **given)
        yield SweepFigure("label-efficiency", label_efficiency_caption(efficiency), draw)
    if comparison.paired:
        yield SweepFigure("forest", forest_caption(comparison), partial(forest_figure, comparison, **given))
        yield SweepFigure("paired", paired_caption(comparison), partial(paired_figure, comparison, **given))
    if comparison.scored:
        yield SweepFigure("boxes", box_caption(comparison), partial(box_figure, comparison, **given))


def _of_cases(found: CasesOfSweep, comparison: Comparison, given: _Given) -> Iterator[SweepFigure]:
    if not found.cases:
        return
    metric, classes, remarks = comparison.metric, comparison.classes, found.remarks
    shown = {"variants": found.variants, "classes": classes, **given}
    caption = qualitative_caption(found.cases, metric=metric, classes=classes, remarks=remarks)
    yield SweepFigure("slices", caption, partial(qualitative_figure, found.cases, metric=metric, **shown))
    caption = surface_caption(found.cases, classes, remarks=remarks)
    yield SweepFigure("surfaces", caption, partial(surface_figure, found.cases, **shown))


def _of_study(study: Study | None, given: _Given) -> Iterator[SweepFigure]:
    if study is not None and study.counting:
        yield SweepFigure("history", history_caption(study), partial(history_figure, study, **given))
        if study.importances:
            caption = importance_caption(study.name, EVALUATOR, study.weighed_on)
            yield SweepFigure("importance", caption, partial(importance_figure, study.importances, **given))
        yield SweepFigure("parallel", parallel_caption(study), partial(parallel_figure, study, **given))


def _of_logs(runs: Path, sweep: Sweep, given: _Given) -> Iterator[SweepFigure]:
    called = shown_names(sweep.variants, sweep.labels)
    logs = {
        variant.name: [log for log in read_training_logs(runs, variant).values() if log.losses or log.validation]
        for variant in sweep.variants
    }
    logs = {name: own for name, own in logs.items() if own}
    if len(logs) > 1:
        of_all = {called[name]: own for name, own in logs.items()}
        reference = None if sweep.reference is None else called[sweep.reference]
        draw = partial(training_overview_figure, of_all, reference, **given)
        yield SweepFigure("training", training_overview_caption(of_all, reference), draw)
    whole = next(iter(logs), None) if len(logs) == 1 else sweep.reference
    if whole in logs:
        caption = training_caption(logs[whole], called[whole])
        yield SweepFigure(f"training-{file_name(whole)}", caption, partial(training_figure, logs[whole], **given))
