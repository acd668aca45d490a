"""Training curves of a variant: every loss term, validation scores, and the numbers reported beside the losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.figures.canvas.style import (
    BLUE,
    FONT_PT,
    ONE_COLUMN_MM,
    TWO_COLUMNS_MM,
    VERMILLION,
    line_height_mm,
    new_figure,
    panel_grid,
    style,
    wrapped,
)
from analysis.runs.training_log import Course, TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW: Final = 6
"""So many panels stand in rows of three, more in rows of four."""
_CONSTANT: Final = "_constant"
_LOOKS: Final[tuple[tuple[str, Any, str], ...]] = ((BLUE, "-", "o"), (VERMILLION, (0, (4, 1.5)), "s"))


@dataclass(frozen=True)
class Panel:
    """One panel: a quantity, or two that belong together.

    Attributes:
        title: what it shows.
        unit: label of the vertical axis; empty for a number without unit.
        scale: factor from the logged to the shown value.
        courses: by what the legend calls them, one course a trial.
    """

    title: str
    unit: str
    scale: float
    courses: Mapping[str, tuple[Course, ...]]


def panels(logs: Sequence[TrainingLog]) -> list[Panel]:
    """Arrange what trials logged: validation Dice of student and teacher, loss terms, then the other numbers.

    A number `x` and its `x_constant`, the error of the best constant, share a panel. A loss term that is the same
    number as the error of its name (`sdm`) is shown there alone.
    """
    found = []
    scored = [name for name in _names(logs, "validation") if name.endswith("_dice")]
    if scored:
        courses = {name.removesuffix("_dice").replace("_", " "): _of(logs, "validation", name) for name in scored}
        found.append(Panel("Validation", "Dice [%]", 100.0, courses))
    found += [
        Panel(title_of(name), "", 1.0, {"": _of(logs, "losses", name)})
        for name in _names(logs, "losses")
        if not _same(_of(logs, "losses", name), _of(logs, "diagnostics", f"{name}_error"))
    ]
    named = _names(logs, "diagnostics")
    for name in named:
        if name.endswith(_CONSTANT) and name.removesuffix(_CONSTANT) in named:
            continue
        courses = {"student": _of(logs, "diagnostics", name)}
        if name + _CONSTANT in named:
            courses["best constant"] = _of(logs, "diagnostics", name + _CONSTANT)
        found.append(Panel(_words(name), "", 1.0, courses))
    return found


def training_figure(logs: Sequence[TrainingLog], width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw the trials of one variant: thin lines are trials, the thick line is their mean where all have a value.

    Raises:
        ValueError: nothing was logged.
    """
    shown = panels(logs)
    if not shown:
        raise ValueError("the trials have logged nothing")
    with style():
        rows, columns = panel_grid(len(shown), 2 if width_mm < 1.5 * ONE_COLUMN_MM else 3 if len(shown) <= _FEW else 4)
        panel_mm = width_mm / columns
        titles = [wrapped(panel.title, panel_mm - 14) for panel in shown]
        lines = max(title.count("\n") for title in titles)
        figure = new_figure(width_mm, rows * (34 + lines * line_height_mm()) + 8)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        legends = [any(len(p.courses) > 1 for p in shown[row * columns :][:columns]) for row in range(rows)]
        for place, (axes, panel, title) in enumerate(zip(grid.flat, shown, titles, strict=False)):
            _draw_panel(axes, panel)
            axes.set_title(title, pad=10 if legends[place // columns] else 4)
            axes.set_ylabel(panel.unit)
            axes.tick_params(labelbottom=place + columns >= len(shown))
        figure.supxlabel("Training step", fontsize=FONT_PT)
    return figure


def training_caption(logs: Sequence[TrainingLog], variant: str) -> str:
    """Say what the figure shows and which numbers are missing."""
    import numpy as np

    several = "; thin lines: trials, thick line: their mean where all have a value" if len(logs) > 1 else ""
    parts = [
        f"Training of {variant} ({', '.join(log.name for log in logs)}): loss terms before their weights{several}."
    ]
    for log in logs:
        for courses in (log.losses, log.validation, log.diagnostics):
            for name, course in courses.items():
                if count := int(np.isnan(course.values).sum()):
                    parts.append(f"{log.name}: {name} not finite in {count} of {len(course.values)} reports.")
        last = max((int(course.steps[-1]) for course in log.losses.values()), default=0)
        if last < log.steps:
            parts.append(f"{log.name}: ends at step {last} of {log.steps}.")
    return " ".join(parts)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    for (label, courses), (colour, dashes, marker) in zip(panel.courses.items(), _LOOKS, strict=False):
        several = len(courses) > 1
        for course in courses:
            axes.plot(
                course.steps,
                panel.scale * course.values,
                color=colour,
                linestyle=dashes,
                linewidth=0.5 if several else 1.0,
                alpha=0.5 if several else 1.0,
                marker=marker if len(course.steps) == 1 else None,
                label=None if several else label,
            )
        if several:
            mean = mean_course(courses)
            axes.plot(
                mean.steps,
                panel.scale * mean.values,
                color=colour,
                linestyle=dashes,
                linewidth=1.2,
                marker=marker if len(mean.steps) == 1 else None,
                label=label,
            )
    if len(panel.courses) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2, borderaxespad=0, borderpad=0)


def mean_course(courses: Sequence[Course]) -> Course:
    """Average over trials the steps that all of them have."""
    import numpy as np

    steps = courses[0].steps
    for course in courses[1:]:
        steps = np.intersect1d(steps, course.steps)
    stacked = [course.values[np.isin(course.steps, steps)] for course in courses]
    return Course(steps, np.mean(stacked, axis=0))


def _names(logs: Sequence[TrainingLog], part: str) -> list[str]:
    return list(dict.fromkeys(name for log in logs for name in getattr(log, part)))


def _of(logs: Sequence[TrainingLog], part: str, name: str) -> tuple[Course, ...]:
    return tuple(getattr(log, part)[name] for log in logs if name in getattr(log, part))


def _same(first: Sequence[Course], second: Sequence[Course]) -> bool:
    import numpy as np

    return len(first) == len(second) and all(
        np.array_equal(a.steps, b.steps) and np.array_equal(a.values, b.values, equal_nan=True)
        for a, b in zip(first, second, strict=True)
    )


def title_of(loss: str) -> str:
    """Return what a panel of a loss term is called."""
    return f"{_words(loss)} loss"


def _words(name: str) -> str:
    text = " ".join("SDM" if word == "sdm" else word for word in name.split("_"))
    return text[:1].upper() + text[1:]
