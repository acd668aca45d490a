"""The axis of a numeric setting: linear or logarithmic, with 0, and labels that do not touch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from analysis.figures.canvas.style import number, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE: Final = 8.0


def scale_axis(axes: "Axes", values: Sequence[float], length_mm: float, kept: float | None = None) -> None:
    """Scale the x axis for the values drawn and label each of them, unless labels would touch.

    The axis is logarithmic where the values span a factor of eight or more and none is negative; 0 then stands left of
    the smallest positive value, on a linear stretch.

    Args:
        axes: with everything drawn.
        values: each once, in rising order.
        length_mm: length of the axis on paper.
        kept: the value whose label stays before others do.
    """
    from matplotlib.ticker import NullLocator

    positive = [value for value in values if value > 0]
    if values[0] >= 0 and len(positive) > 1 and positive[-1] >= _WIDE * positive[0]:
        if values[0] == 0:
            axes.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
        else:
            axes.set_xscale("log")
    axes.margins(x=0.05)
    axes.autoscale_view(scaley=False)
    along = axes.get_xaxis_transform() - axes.transAxes
    places = [length_mm * float(along.transform((value, 0))[0]) for value in values]
    first = [values.index(kept)] if kept in values else []
    axes.set_xticks(values, thinned(places, [number(value) for value in values], 1.0, first))
    axes.xaxis.set_minor_locator(NullLocator())
