"""The figures of a sweep: those that apply to what has finished, written into its folder with their captions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AnalysisError
from analysis.figures.boxes import box_caption, box_figure
from analysis.figures.case_slices import QualitativeCase
from analysis.figures.comparison import Comparison, read_comparison
from analysis.figures.forest import forest_caption, forest_figure
from analysis.figures.history import history_caption, history_figure
from analysis.figures.label_efficiency import SETTING as LABELED
from analysis.figures.label_efficiency import label_efficiency, label_efficiency_caption, label_efficiency_figure
from analysis.figures.paired import paired_caption, paired_figure
from analysis.figures.parallel import parallel_caption, parallel_figure
from analysis.figures.qualitative import qualitative_caption, qualitative_figure
from analysis.figures.save import save_figure
from analysis.figures.sensitivity import sensitivities, sensitivity_caption, sensitivity_figure
from analysis.figures.study import Study
from analysis.figures.surface import surface_caption, surface_figure
from analysis.figures.training import training_caption, training_figure
from analysis.figures.training_log import read_training_log
from analysis.files import write_whole
from analysis.sweep import Variant, read_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
class WrittenFigure:
    """A figure in its files: PDF, SVG and PNG."""

    name: str
    caption: str
    files: tuple[Path, ...]


def sweep_figures(
    runs: Path,
    sweep_name: str,
    metric: str | None = None,
    reference: str | None = None,
    *,
    training: bool = True,
    study: Study | None = None,
    cases: Sequence[QualitativeCase] = (),
) -> Iterator[SweepFigure]:
    """Choose the figures of `runs/sweeps/sweep_name` that its finished trials allow.

    | figure | where |
    |---|---|
    | `sensitivity-SETTING` | a numeric setting takes three values or more, all others alike |
    | `label-efficiency` | a method has values for two numbers of labelled cases or more |
    | `forest`, `paired` | a variant shares scored cases with the reference |
    | `boxes` | any variant has a value |
    | `training-VARIANT` | a trial of it has a log |
    | `history`, `parallel` | a study is given and has a value |
    | `slices`, `surfaces` | cases are given |

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        metric: a column of the case records; None takes the sweep's.
        reference: name of the variant to compare with; None takes the sweep's.
        training: whether to draw training curves, one figure a variant.
        study: the search that the sweep belongs to.
        cases: images with predictions of its variants.

    Raises:
        AnalysisError: as `read_comparison`, or a damaged log.
    """
    comparison = read_comparison(runs, sweep_name, metric, reference)
    yield from _of_scores(comparison)
    if training:
        yield from _of_logs(runs, read_sweep(runs, sweep_name).variants)
    if study is not None and study.counting:
        yield SweepFigure("history", history_caption(study), partial(history_figure, study))
        yield SweepFigure("parallel", parallel_caption(study), partial(parallel_figure, study))
    if cases:
        shown = comparison.metric
        yield SweepFigure("slices", qualitative_caption(cases), partial(qualitative_figure, cases, metric=shown))
        yield SweepFigure("surfaces", surface_caption(cases), partial(surface_figure, cases))


def write_figures(
    runs: Path,
    sweep_name: str,
    metric: str | None = None,
    reference: str | None = None,
    *,
    training: bool = True,
    study: Study | None = None,
    cases: Sequence[QualitativeCase] = (),
    on_figure: Callable[[WrittenFigure], None] | None = None,
) -> list[WrittenFigure]:
    """Write the figures of a sweep to `runs/sweeps/NAME/figures` and their captions to `captions.md` beside them.

    Another metric than the sweep's, or another reference, has a folder of its own in it.

    Args:
        runs: as of `sweep_figures`, like the others.
        sweep_name: see there.
        metric: see there.
        reference: see there.
        training: see there.
        study: see there.
        cases: see there.
        on_figure: is told each figure written.

    Raises:
        AnalysisError: as `sweep_figures`, or nothing can be drawn yet.
    """
    sweep = read_sweep(runs, sweep_name)
    folder = runs / "sweeps" / sweep_name / "figures"
    if metric not in (None, sweep.metric) or reference not in (None, sweep.reference):
        against = f"-vs-{file_name(reference)}" if reference not in (None, sweep.reference) else ""
        folder /= f"{metric or sweep.metric}{against}"
    written = []
    for figure in sweep_figures(runs, sweep_name, metric, reference, training=training, study=study, cases=cases):
        files = save_figure(figure.draw(), folder / figure.name)
        written.append(WrittenFigure(figure.name, figure.caption, files))
        if on_figure is not None:
            on_figure(written[-1])
    if not written:
        raise AnalysisError(
            f"The sweep {sweep_name} in {runs} has neither scores nor logs to draw; wait for its first trial."
        )
    captions = [f"## {figure.name}\n\n{figure.caption}\n" for figure in written]
    write_whole(folder / "captions.md", "\n".join([f"# Figures of {sweep_name}\n", *captions]).encode())
    return written


def file_name(name: object) -> str:
    """Return a variant's name with everything that file systems dislike as `_`."""
    return "".join(letter if letter.isalnum() or letter in "._=-" else "_" for letter in str(name))


def _of_scores(comparison: Comparison) -> Iterator[SweepFigure]:
    efficiency = label_efficiency([comparison])
    for data in sensitivities(comparison):
        if efficiency is None or data.setting != LABELED:
            name = f"sensitivity-{data.setting}"
            yield SweepFigure(name, sensitivity_caption(data), partial(sensitivity_figure, data))
    if efficiency is not None:
        draw = partial(label_efficiency_figure, efficiency)
        yield SweepFigure("label-efficiency", label_efficiency_caption(efficiency), draw)
    if comparison.paired:
        yield SweepFigure("forest", forest_caption(comparison), partial(forest_figure, comparison))
        yield SweepFigure("paired", paired_caption(comparison), partial(paired_figure, comparison))
    if comparison.scored:
        yield SweepFigure("boxes", box_caption(comparison), partial(box_figure, comparison))


def _of_logs(runs: Path, variants: Sequence[Variant]) -> Iterator[SweepFigure]:
    taken: set[str] = set()
    for variant in variants:
        paths = {seed: runs / "trials" / trial / "log.jsonl" for seed, trial in sorted(variant.trials.items())}
        logs = [read_training_log(path, f"seed {seed}") for seed, path in paths.items() if path.is_file()]
        logs = [log for log in logs if log.losses or log.validation]
        if logs:
            name = f"training-{file_name(variant.name)}"
            name += f"-{len(taken)}" if name.lower() in taken else ""
            taken.add(name.lower())
            yield SweepFigure(name, training_caption(logs, variant.name), partial(training_figure, logs))
