"""Charts with one row a variant: names of any length on the left, columns of numbers on the right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from analysis.figures.canvas.style import FONT_PT, SMALL_PT, line_height_mm, new_figure, text_width_mm, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_SHARE: Final = 0.3
NAME_MM: Final = 31.0
"""Names take at most the larger of both before they are broken into lines."""
_GAP_MM: Final = 2.5
_BOLD: Final = 1.15
"""Width of bold letters over that of others."""


def row_chart(
    names: Sequence[str], width_mm: float, row_mm: float, margins_mm: float, bold: str | None = None
) -> tuple["Figure", "Axes"]:
    """Return a figure whose rows have room for their names; row n lies at y = n, counted from above.

    Args:
        names: one a row.
        width_mm: width of the figure.
        row_mm: least height of a row.
        margins_mm: height of all that is above and below the rows.
        bold: the name to be set in bold, that of the reference.
    """
    room = max(NAME_SHARE * width_mm, NAME_MM)
    labels = [wrapped(name, room / (_BOLD if name == bold else 1), FONT_PT) for name in names]
    lines = max(label.count("\n") + 1 for label in labels)
    height = max(row_mm, lines * line_height_mm(FONT_PT) + 0.8)
    figure = new_figure(width_mm, margins_mm + height * len(names))
    axes = figure.add_subplot()
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), labels, fontsize=FONT_PT)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for name, label in zip(names, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if name == bold else "normal")
    return figure, axes


def columns(axes: "Axes", texts: Mapping[str, Sequence[str]]) -> None:
    """Write columns of texts to the right of what `row_chart` returned, one text a row, below their headings."""
    right = 0.0
    for head, column in texts.items():
        right += _GAP_MM + max(text_width_mm(text, SMALL_PT) for text in (head, *column))
        for row, text in enumerate((head, *column), start=-1):
            axes.annotate(
                text,
                xy=(1, row) if row >= 0 else (1, 1),
                xycoords=("axes fraction", "data" if row >= 0 else "axes fraction"),
                xytext=(right * 72 / 25.4, 0 if row >= 0 else 2),
                textcoords="offset points",
                ha="right",
                va="center_baseline" if row >= 0 else "bottom",
                fontsize=SMALL_PT,
                annotation_clip=False,
            )
