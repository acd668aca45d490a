"""Legends outside of the axes, whose names may be long: the figure grows with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from analysis.figures.canvas.style import SMALL_PT, line_height_mm, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HANDLE_MM: Final = 8.5
"""Line, marker and gaps beside a name."""
_MARGIN_MM: Final = 4.0


def legend_below(figure: "Figure", axes: "Axes", most_columns: int, last: Sequence[str] = ()) -> None:
    """Add a legend below all axes and make the figure higher by it.

    Args:
        figure: in constrained layout.
        axes: whose labelled artists it lists.
        most_columns: fewer where a name needs the room.
        last: labels that stand behind the others.
    """
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place] in last)
    columns = min(most_columns, len(labels))
    each_mm = (figure.get_figwidth() * 25.4 - _MARGIN_MM) / columns - _HANDLE_MM
    names = [wrapped(labels[place], each_mm, SMALL_PT) for place in order]
    down = range(0, len(names), -(-len(names) // columns))
    height = max(_height_mm(names[start : start + down.step]) for start in down)
    figure.set_figheight(figure.get_figheight() + height / 25.4)
    figure.legend(
        [handles[place] for place in order], names, loc="outside lower center", ncols=columns, columnspacing=1.2
    )


def legend_right(figure: "Figure", axes: "Axes", width_mm: float, last: Sequence[str] = ()) -> None:
    """Add a legend of this width beside all axes and make the figure as high as it, where it is not."""
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place] in last)
    names = [wrapped(labels[place], width_mm - _HANDLE_MM, SMALL_PT) for place in order]
    figure.set_figheight(max(figure.get_figheight(), (_height_mm(names) + _MARGIN_MM) / 25.4))
    figure.legend([handles[place] for place in order], names, loc="outside right center")


def _height_mm(names: Sequence[str]) -> float:
    """Return the height of a column of the legend; half a line stands between two names."""
    return line_height_mm(SMALL_PT) * sum(name.count("\n") + 1.5 for name in names)
