"""The axis of a numeric setting: linear or logarithmic, with 0, and labels that do not touch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING, Final, Literal

from analysis.figures.canvas.style import number, thinned

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

ASIDE_PT: Final = 1.4
"""Lines that have intervals stand aside of each other by this much, so that all can be seen."""
_WIDE: Final = 8.0
_ZERO_DECADES: Final = 0.5
"""What matplotlib's `linscale` is for the stretch from 0 to the smallest positive value."""


@dataclass(frozen=True)
class SettingAxis:
    """How the values of a setting stand along an axis, for figures and the report alike.

    Attributes:
        kind: `linear`; `log` where the values span a factor of eight or more and none is negative; `symlog` where 0 is
            among them too: it then stands left of the smallest positive value, on a linear stretch.
        values: each once, in rising order.
    """

    kind: Literal["linear", "log", "symlog"]
    values: tuple[float, ...]

    @property
    def least(self) -> float:
        """The smallest positive value."""
        return min(value for value in self.values if value > 0)

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 at the lowest of `values` to 1 at the highest; one alone in the middle.

        >>> axis = axis_of([0.01, 0.1, 1.0])
        >>> [round(axis.place(value), 3) for value in axis.values]
        [0.0, 0.5, 1.0]
        """
        low, high, at = (self._along(each) for each in (self.values[0], self.values[-1], value))
        return (at - low) / (high - low) if high > low else 0.5

    def _along(self, value: float) -> float:
        if self.kind == "linear":
            return value
        if self.kind == "log":
            return log10(value)
        near = _ZERO_DECADES / (1 - 1 / 10)  # as matplotlib's symlog has it for base 10
        return near * value / self.least if value <= self.least else near + log10(value / self.least)


def axis_of(values: Iterable[float]) -> SettingAxis:
    """Choose the axis for the values of a setting.

    Raises:
        ValueError: there is none.
    """
    each = tuple(sorted(set(values)))
    if not each:
        raise ValueError("expected one or more values of a setting")
    positive = [value for value in each if value > 0]
    if each[0] < 0 or len(positive) < 2 or positive[-1] < _WIDE * positive[0]:
        return SettingAxis("linear", each)
    return SettingAxis("symlog" if each[0] == 0 else "log", each)


def scale_axis(axes: "Axes", values: Sequence[float], length_mm: float, kept: float | None = None) -> None:
    """Scale the x axis for the values drawn, as `axis_of` says, and label each of them, unless labels would touch.

    Args:
        axes: with everything drawn.
        values: each once, in rising order.
        length_mm: length of the axis on paper.
        kept: the value whose label stays before others do.
    """
    from matplotlib.ticker import NullLocator

    axis = axis_of(values)
    if axis.kind == "symlog":
        axes.set_xscale("symlog", linthresh=axis.least, linscale=_ZERO_DECADES)
    elif axis.kind == "log":
        axes.set_xscale("log")
    axes.margins(x=0.05)
    axes.autoscale_view(scaley=False)
    along = axes.get_xaxis_transform() - axes.transAxes
    places = [length_mm * float(along.transform((value, 0))[0]) for value in values]
    first = [values.index(kept)] if kept in values else []
    axes.set_xticks(values, thinned(places, [number(value) for value in values], 1.0, first))
    axes.xaxis.set_minor_locator(NullLocator())


def move_aside(axes: "Axes", artists: "Iterable[Artist]", by_pt: float) -> None:
    """Shift what is drawn on paper; its data stay as they are."""
    from matplotlib.transforms import ScaledTranslation

    shift = ScaledTranslation(by_pt / 72, 0, axes.figure.dpi_scale_trans)
    for artist in artists:
        artist.set_transform(axes.transData + shift)
