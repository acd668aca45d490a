"""Box plots of the cases of each variant, every case a dot."""

from typing import TYPE_CHECKING

from analysis.figures.canvas.rows import columns, row_chart
from analysis.figures.canvas.style import BLACK, BLUE, GREY, TWO_COLUMNS_MM, VERMILLION, axis_label, style
from analysis.figures.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.comparison.aggregate import Floats

_SPREAD = 0.26
"""Dots lie at most this far from the middle of their row, as a share of its height."""


def box_figure(data: Comparison, width_mm: float = TWO_COLUMNS_MM) -> "Figure":
    """Draw the distribution over cases of each variant, one a row, in the order of the sweep.

    Box: quartiles and median; whiskers: the furthest case within 1.5 box lengths; dots: all cases; diamond: mean;
    dashed line: the reference's median. A variant without a value keeps its row.
    """
    import numpy as np

    with style():
        names = [variant.name for variant in data.variants]
        figure, axes = row_chart(names, width_mm, 6.5, 14, bold=data.reference)
        scale = data.metric.scale
        for row, variant in enumerate(data.variants):
            values = scale * variant.there
            if not len(values):
                axes.text(0.02, row, "no value", transform=axes.get_yaxis_transform(), va="center", color=VERMILLION)
                continue
            is_reference = variant.name == data.reference
            axes.boxplot(
                values,
                positions=[row],
                orientation="horizontal",
                widths=0.62,
                manage_ticks=False,
                showfliers=False,
                showmeans=True,
                patch_artist=True,
                boxprops={"facecolor": "#D9D9D9" if is_reference else "white", "linewidth": 0.6},
                whiskerprops={"linewidth": 0.6},
                capprops={"linewidth": 0.6},
                medianprops={"color": BLACK, "linewidth": 1.2},
                meanprops={"marker": "D", "markersize": 3.2, "markerfacecolor": "white", "markeredgecolor": BLACK},
            )
            places = row + _SPREAD * _swarm(values)
            axes.plot(values, places, "o", markersize=1.9, color=BLUE, alpha=0.6, markeredgewidth=0, zorder=3)
            if is_reference:
                axes.axvline(float(np.median(values)), color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=0)
        axes.set_xlabel(axis_label(data.metric))
        columns(axes, {"n": [str(len(variant.there)) for variant in data.variants]})
    return figure


def box_caption(data: Comparison) -> str:
    """Say what the figure shows and what is missing."""
    text = (
        f"{data.subject()}. Dots: cases ({data.luck} averaged per case); box: quartiles and median; whiskers: furthest "
        "case within 1.5 box lengths; diamond: mean; n: cases with a value."
    )
    if data.reference is not None:
        text += f" Grey box and dashed line: the reference ({data.reference}) and its median."
    return " ".join([text, *data.remarks()])


def _swarm(values: "Floats") -> "Floats":
    """Return offsets from -1 to 1 that keep neighbours apart, the same for the same values: a golden-ratio sequence."""
    import numpy as np

    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(2 * ((0.5 + ranks * 0.6180339887498949) % 1.0) - 1, dtype=np.float64)
