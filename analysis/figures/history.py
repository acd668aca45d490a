"""The course of a search: each trial's objective and the best so far."""

from typing import TYPE_CHECKING

from analysis.figures.canvas.style import BLUE, GREY, ONE_COLUMN_MM, VERMILLION, axis_label, new_figure, style
from analysis.figures.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def history_figure(study: Study, width_mm: float = ONE_COLUMN_MM) -> "Figure":
    """Draw the objective over the trials' numbers; trials without a value are marked below.

    Raises:
        ValueError: no trial has a value.
    """
    import numpy as np

    trials = study.counting
    if not trials:
        raise ValueError("no trial of the search has a value")
    with style():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(width_mm, 0.7 * width_mm)
        axes = figure.add_subplot()
        numbers = [trial.number for trial in trials]
        values = study.metric.scale * np.array([trial.value for trial in trials], dtype=float)
        running = np.maximum.accumulate(values) if study.metric.higher_is_better else np.minimum.accumulate(values)
        axes.plot(numbers, values, "o", markersize=3, markerfacecolor="white", color=BLUE, label="trial", zorder=3)
        axes.step(numbers, running, where="post", color=BLUE, linewidth=1.2, label="best so far", zorder=2)
        for state, marker, colour in (("pruned", "|", GREY), ("failed", "x", VERMILLION)):
            found = [trial.number for trial in study.trials if trial.state == state]
            if found:
                across = axes.get_xaxis_transform()
                axes.plot(
                    sorted(found),
                    [0.03] * len(found),
                    marker,
                    color=colour,
                    markersize=4,
                    label=state,
                    transform=across,
                )
        axes.margins(y=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Trial")
        axes.set_ylabel(axis_label(study.metric))
        figure.legend(loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure


def history_caption(study: Study) -> str:
    """Say what the figure shows, which trial is best and what is missing."""
    best = study.best
    metric = study.metric
    text = f"Search {study.name}: {axis_label(metric)} of each trial and the best so far."
    if best is not None and best.value is not None:
        text += f" Best: trial {best.number} with {metric.scale * best.value:.2f}."
    return " ".join([text, *study.remarks()])
