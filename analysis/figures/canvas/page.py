"""A figure of panels in rows and columns, placed in mm, for images and surfaces, whose panels differ in shape."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from analysis.figures.canvas.style import (
    FONT_PT,
    ONE_COLUMN_MM,
    PAGE_MM,
    SMALL_PT,
    TWO_COLUMNS_MM,
    line_height_mm,
    shortened,
    text_width_mm,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_PANEL_MM: Final = 42.0
_LEAST_PANEL_MM: Final = 8.0
_WIDE_ENOUGH_MM: Final = 24.0
"""Panels of this width are kept to one column; where they would be narrower, the figure takes the page."""
_LEFT_MM: Final = 10.5
_LEGEND_MM: Final = 2.0
_LEGEND_LINE_MM: Final = 4.0
_HANDLE_MM: Final = 10.0
_GAP_MM: Final = 0.8
_BLOCK_GAP_MM: Final = 2.0
_BARS_MM: Final = (1, 2, 5, 10, 20, 50, 100)


class Page:
    """Columns of one width under their names; rows in blocks, each row of its own height.

    Args:
        columns: names of the columns.
        blocks: height over width of the panels of each row, by block.
        names: what is written beside each block, on two lines or, where the second has room, one.
        width_mm: of the figure, whose panels stand in its middle; None takes a column where panels are wide enough in
            it, else a page.
        handles: of the legend below the panels; none for no legend.
    """

    def __init__(
        self,
        columns: Sequence[str],
        blocks: Sequence[Sequence[float]],
        names: Sequence[tuple[str, str]],
        width_mm: float | None,
        handles: Sequence[Any] = (),
    ) -> None:
        from matplotlib.figure import Figure

        rows = sum(len(block) for block in blocks)
        gaps = rows * _GAP_MM + (len(blocks) - 1) * _BLOCK_GAP_MM
        shapes = sum(aspect for block in blocks for aspect in block)
        narrow = (ONE_COLUMN_MM - _LEFT_MM) / len(columns) - _GAP_MM >= _WIDE_ENOUGH_MM
        self.width = width_mm or (ONE_COLUMN_MM if narrow else TWO_COLUMNS_MM)
        in_line = _legend_columns([str(handle.get_label()) for handle in handles], self.width)
        foot = _LEGEND_MM + _LEGEND_LINE_MM * -(-len(handles) // in_line) if handles else 0.0
        self.panel_mm = min((self.width - _LEFT_MM) / len(columns) - _GAP_MM, LARGEST_PANEL_MM)
        while True:  # narrower panels have higher titles, which leave less room for panels
            titles = [wrapped(name, self.panel_mm - 0.5, SMALL_PT) for name in columns]
            head = max(title.count("\n") + 1 for title in titles) * line_height_mm(SMALL_PT) + 1.5
            self.height = head + shapes * self.panel_mm + gaps + foot
            if self.height <= PAGE_MM or self.panel_mm <= _LEAST_PANEL_MM:
                break
            self.panel_mm = max(_LEAST_PANEL_MM, 0.97 * self.panel_mm)
        self._aside = max(0.0, (self.width - _LEFT_MM - len(columns) * (self.panel_mm + _GAP_MM)) / 2)
        self.figure = Figure(figsize=(self.width / 25.4, self.height / 25.4))
        if handles:
            self.figure.legend(
                handles=[*handles], loc="lower center", ncols=in_line, borderaxespad=0, columnspacing=1.2
            )
        self._columns = len(columns)
        for column, title in enumerate(titles):
            self._text(self._left(column) + self.panel_mm / 2, head - 1, title, va="bottom")
        self._rows: list[tuple[float, float]] = []
        top = head
        for block, name in zip(blocks, names, strict=True):
            start = top
            for aspect in block:
                self._rows.append((top, aspect * self.panel_mm))
                top += aspect * self.panel_mm + _GAP_MM
            room = top - _GAP_MM - start
            together = ": ".join(part for part in name if part)
            lines = [together] if text_width_mm(together, FONT_PT) <= room else [part for part in name if part]
            self._beside(self._aside + 3.2, start, room, lines, FONT_PT)
            top += _BLOCK_GAP_MM

    def row(self, row: int, name: str = "") -> "list[Axes]":
        """Return the panels of a row, without ticks, and write its name beside them."""
        top, height = self._rows[row]
        self._beside(self._aside + 8.2, top, height, [name], SMALL_PT)
        panels = []
        for column in range(self._columns):
            left, width = self._left(column) / self.width, self.panel_mm / self.width
            axes = self.figure.add_axes((left, 1 - (top + height) / self.height, width, height / self.height))
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            panels.append(axes)
        return panels

    def _left(self, column: int) -> float:
        return self._aside + _LEFT_MM + column * (self.panel_mm + _GAP_MM)

    def _beside(self, x: float, top: float, height: float, lines: Sequence[str], size: float) -> None:
        text = "\n".join(shortened(line, height, size) for line in lines)
        self._text(x, top + height / 2, text, size, rotation=90, va="center", multialignment="center")

    def _text(self, x: float, y: float, text: str, size: float = SMALL_PT, **given: Any) -> None:
        self.figure.text(x / self.width, 1 - y / self.height, text, ha="center", fontsize=size, **given)


def _legend_columns(labels: Sequence[str], width_mm: float) -> int:
    """Return how many names of a legend stand side by side."""
    widest = max((text_width_mm(label, SMALL_PT) for label in labels), default=0.0) + _HANDLE_MM
    return max(1, min(len(labels), int(width_mm // widest)))


def scale_bar(axes: "Axes") -> None:
    """Draw a bar of a round number of mm, at most 40 % of its width, into the lower left corner of a panel.

    It is black with a white edge, so that it can be read on an image and on white alike.

    Args:
        axes: the panel, with its limits; its unit is mm.
    """
    from matplotlib.patheffects import withStroke

    edge = [withStroke(linewidth=3.2, foreground="white")]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    length = max((bar for bar in _BARS_MM if bar <= 0.4 * (right - left)), default=_BARS_MM[0])
    x, y = left + 0.05 * (right - left), bottom + 0.06 * (top - bottom)
    axes.plot([x, x + length], [y, y], color="black", linewidth=1.6, solid_capstyle="butt", path_effects=edge)
    axes.annotate(
        f"{length} mm",
        (x, y),
        (0, 2),
        textcoords="offset points",
        color="black",
        fontsize=SMALL_PT,
        va="bottom",
        path_effects=[withStroke(linewidth=1.8, foreground="white")],
    )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
