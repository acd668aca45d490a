"""Training curves of all variants of a sweep: validation Dice above, loss terms below, a line a variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.metric import METRIC_BY_NAME
from analysis.figures.canvas.legend import legend_below
from analysis.figures.canvas.style import (
    BLACK,
    GREY,
    ONE_COLUMN_MM,
    TWO_COLUMNS_MM,
    LineStyle,
    axis_label,
    line_height_mm,
    line_style,
    new_figure,
    panel_grid,
    style,
    wrapped,
)
from analysis.figures.training.of_variant import mean_course, title_of
from analysis.runs.training_log import Course, TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Logs = Mapping[str, Sequence[TrainingLog]]
"""Each variant's trials."""

MOST_NAMED: Final = 8
"""So many lines can be told apart; of more variants these are named, the others grey."""
FEW_TRIALS: Final = 12
"""Up to so many trials each has a thin line of its own."""
_LEFT_OUT: Final = 0.5
"""Share of the training, from its start, that the axis of the validation score need not hold."""
_STUDENT: Final = "student_dice"


@dataclass(frozen=True)
class _Line:
    """How a variant is drawn; without a name it is one of the others."""

    look: LineStyle
    name: str | None
    width_pt: float
    depth: float


def training_overview_figure(logs: Logs, reference: str | None = None, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw a line a variant: its mean over trials where all of them have a value, and trials as thin lines where few.

    The axis of the validation score is fitted to the second half of the training: the rise from nothing would leave no
    room to tell variants apart.

    Raises:
        ValueError: nothing was logged.
    """
    score, losses = _score(logs), _losses(logs)
    if score is None and not losses:
        raise ValueError("the trials have logged nothing")
    lines, few = _lines(logs, reference), sum(map(len, logs.values())) <= FEW_TRIALS
    with style():
        rows, columns = panel_grid(len(losses), 4 if width_mm > 1.5 * ONE_COLUMN_MM else 2) if losses else (0, 1)
        titles = [wrapped(title_of(name), width_mm / columns - 14) for name in losses]
        high = 28 + (max((title.count("\n") for title in titles), default=0) + 1) * line_height_mm()
        heights = [*([52.0] if score is not None else []), *([high] * rows)]
        figure = new_figure(width_mm, sum(heights) + 8)
        grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
        drawn: list[Axes] = []
        if score is not None:
            top = figure.add_subplot(grid[0, :])
            _draw(top, {name: _of(own, "validation", score) for name, own in logs.items()}, lines, few, 100.0)
            _fit(top, [log for own in logs.values() for log in own], score)
            top.set_ylabel(f"Validation {axis_label(METRIC_BY_NAME['dice'])}")
            drawn.append(top)
        first = len(heights) - rows
        for place, (name, title) in enumerate(zip(losses, titles, strict=True)):
            axes = figure.add_subplot(grid[first + place // columns, place % columns])
            _draw(axes, {variant: _of(own, "losses", name) for variant, own in logs.items()}, lines, few)
            axes.set_title(title)
            drawn.append(axes)
        for axes in drawn[-columns:]:
            axes.set_xlabel("Training step")
        legend_below(figure, drawn[0], 4 if width_mm > 1.5 * ONE_COLUMN_MM else 2, last=[_others(lines)])
    return figure


def training_overview_caption(logs: Logs, reference: str | None = None) -> str:
    """Say what the figure shows and what is missing."""
    import numpy as np

    trials = sum(map(len, logs.values()))
    score, lines = _score(logs), _lines(logs, reference)
    parts = [f"Training of {len(logs)} variants, {trials} trials."]
    if score is not None:
        network = score.removesuffix("_dice").replace("_", " ")
        parts.append(
            f"Above: Dice of the {network} on the validation cases; its axis is fitted to the second half of the "
            "training."
        )
    parts.append("Loss terms are shown before their weights. Line: mean over a variant's trials where all have a value")
    parts[-1] += "; thin: each trial." if len(logs) < trials <= FEW_TRIALS else "."
    if reference in logs:
        parts.append(f"Black: {reference}, the reference.")
    if any(line.name is None for line in lines.values()):
        named = "the reference and those" if reference in logs else "those"
        parts.append(f"Named: {named} with the highest last score; grey: the others.")
    for name, own in logs.items():
        broken = sorted({term for log in own for term, course in log.losses.items() if np.isnan(course.values).any()})
        if broken:
            parts.append(f"{name}: {', '.join(broken)} not finite in some reports.")
        short = [log.name for log in own if 0 < _last_step(log) < log.steps]
        if short:
            parts.append(f"{name}: {', '.join(short)} not trained to the end.")
    return " ".join(parts)


def _score(logs: Logs) -> str | None:
    """Return which validation score is shown: the student's Dice, or else the first Dice there is."""
    named = [name for own in logs.values() for log in own for name in log.validation if name.endswith("_dice")]
    return _STUDENT if _STUDENT in named else next(iter(named), None)


def _losses(logs: Logs) -> list[str]:
    return list(dict.fromkeys(name for own in logs.values() for log in own for name in log.losses))


def _of(logs: Sequence[TrainingLog], part: str, name: str) -> tuple[Course, ...]:
    return tuple(getattr(log, part)[name] for log in logs if name in getattr(log, part))


def _lines(logs: Logs, reference: str | None) -> dict[str, _Line]:
    """Return how each variant is drawn: the reference in black, the others in turns, beyond `MOST_NAMED` in grey."""
    order = sorted((name for name in logs if name != reference), key=lambda name: -_last_score(logs, name))
    room = MOST_NAMED - (reference in logs)
    named = set(order if len(order) <= room else order[:room])
    looks = iter(look for look in map(line_style, range(3 * MOST_NAMED)) if look.colour != BLACK)
    grey = LineStyle(GREY, "", "-")
    others: str | None = None
    found = {}
    for name in logs:
        if name == reference:
            found[name] = _Line(LineStyle(BLACK, "o", "-"), f"{name} (reference)", 1.4, 4)
        elif name in named:
            found[name] = _Line(next(looks), name, 1.0, 3)
        else:
            found[name] = _Line(replace(grey), others, 0.5, 1)
    return found


def _last_score(logs: Logs, variant: str) -> float:
    """Return the mean over trials of the last finite validation score; minus infinity without any."""
    import numpy as np

    score = _score(logs)
    last = [c.values[np.isfinite(c.values)] for c in _of(logs[variant], "validation", score or "")]
    there = [float(values[-1]) for values in last if len(values)]
    return sum(there) / len(there) if there else float("-inf")


def _others(lines: Mapping[str, _Line]) -> str:
    return f"others ({sum(line.name is None for line in lines.values())})"


def _draw(
    axes: "Axes", courses: Mapping[str, Sequence[Course]], lines: Mapping[str, _Line], few: bool, scale: float = 1.0
) -> None:
    others = _others(lines)
    for name, own in courses.items():
        line = lines[name]
        given: dict[str, Any] = {"color": line.look.colour, "linestyle": line.look.dashes}
        mean = mean_course(own) if own else None
        if few and len(own) > 1:
            for course in own:
                axes.plot(course.steps, scale * course.values, linewidth=0.4, alpha=0.5, zorder=2, **given)
        label = line.name
        if label is None:
            label, others = others, "_"
        axes.plot(
            [] if mean is None else mean.steps,
            [] if mean is None else scale * mean.values,
            linewidth=line.width_pt,
            zorder=line.depth,
            marker=(line.look.marker or ".") if mean is not None and len(mean.steps) == 1 else None,
            label=label,
            **given,
        )


def _fit(axes: "Axes", logs: Sequence[TrainingLog], score: str) -> None:
    """Fit the vertical axis to the second half of the training, if there is any."""
    import numpy as np

    late = [
        100 * course.values[course.steps >= _LEFT_OUT * log.steps]
        for log in logs
        if (course := log.validation.get(score)) is not None
    ]
    values = np.concatenate(late) if late else np.zeros(0)
    values = values[np.isfinite(values)]
    if len(values):
        low, high = float(values.min()), float(values.max())
        room = 0.06 * (high - low) or 1.0
        axes.set_ylim(low - room, high + room)


def _last_step(log: TrainingLog) -> int:
    return max((int(course.steps[-1]) for course in log.losses.values() if len(course.steps)), default=0)
