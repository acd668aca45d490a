"""How all figures look: sizes of journal columns, font, palette, and texts that are never taken for mathematics.

The font is DejaVu Sans, which matplotlib carries, so a figure is the same on every machine. The palette is that of
Okabe and Ito (jfly.uni-koeln.de/color), told apart by people with any colour vision; because it does not survive a grey
printer, nothing is said by colour alone: markers, dashes, fillings or places say it too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from analysis.comparison.metric import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Width = Literal["column", "page"]

ONE_COLUMN_MM: Final = 89.0
TWO_COLUMNS_MM: Final = 183.0
"""Nature's column and page; those of IEEE are 88.9 and 182 mm wide, Elsevier's 90 and 190 mm."""
WIDTHS_MM: Final[dict[Width, float]] = {"column": ONE_COLUMN_MM, "page": TWO_COLUMNS_MM}
PAGE_MM: Final = 235.0
"""Height that a figure may have at most to leave its caption room on a page."""

FONT_PT: Final = 7.0
SMALL_PT: Final = 6.0
DPI: Final = 300

BLACK: Final = "#000000"
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
GREY: Final = "#6E6E6E"

COLOUR_NAMES: Final = {
    BLACK: "black",
    BLUE: "blue",
    VERMILLION: "orange-red",
    GREEN: "green",
    ORANGE: "amber",
    PURPLE: "pink",
    SKY: "light blue",
    YELLOW: "yellow",
    GREY: "grey",
}
"""What people call them: captions take the words from here, so that they name what is seen."""

CLASS_COLOURS: Final = (ORANGE, SKY, GREEN, PURPLE, YELLOW, VERMILLION, BLUE)
"""Of the classes, in slices and surfaces alike: light enough to be seen on a grey image, unlike black and grey."""

_COLOURS: Final = (BLUE, VERMILLION, GREEN, BLACK, PURPLE, ORANGE)
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
_DASHES: Final = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_RC: Final[dict[str, Any]] = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": FONT_PT,
    "axes.labelsize": FONT_PT,
    "axes.titlesize": FONT_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "figure.titlesize": FONT_PT,
    "text.parse_math": False,  # a variant may be called "$p$_1"
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderaxespad": 0.2,
    "pdf.fonttype": 42,  # TrueType: text stays text, as journals ask
    "svg.fonttype": "path",
    "svg.hashsalt": "simcvd",  # else ids in SVG files are random
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


@dataclass(frozen=True)
class LineStyle:
    """How one of several lines looks; two never share marker and dashes, so grey suffices."""

    colour: str
    marker: str
    dashes: Any


def line_style(place: int) -> LineStyle:
    """Return the style of the line at this place."""
    return LineStyle(
        _COLOURS[place % len(_COLOURS)],
        _MARKERS[place % len(_MARKERS)],
        _DASHES[(place // len(_COLOURS) + place) % len(_DASHES)],
    )


def class_colours(classes: Iterable[int]) -> dict[int, str]:
    """Return the colour of each class by its id, in rising order; beyond the palette they begin anew."""
    return {label: CLASS_COLOURS[place % len(CLASS_COLOURS)] for place, label in enumerate(sorted(set(classes)))}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of this module, whatever a user's matplotlibrc says, and leave settings as they were."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update(_RC)
        yield


def new_figure(width_mm: float, height_mm: float) -> "Figure":
    """Return an empty figure; inside `style()` only."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")


def axis_label(metric: Metric) -> str:
    """Return a metric with its unit, e.g. `Dice [%]`."""
    return metric.heading


def difference_label(metric: Metric, reference: str) -> str:
    """Return what a difference is of, with its unit, e.g. `Dice, difference to SimCVD [points]`."""
    unit = f" [{metric.difference_unit}]" if metric.difference_unit else ""
    return f"{metric.label}, difference to {reference}{unit}"


def text_width_mm(text: str, size_pt: float = FONT_PT) -> float:
    """Return how wide a text is drawn; of several lines, the widest."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size_pt)
    widths = [text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n")]
    return float(max(widths)) * 25.4 / 72


def wrapped(text: str, width_mm: float, size_pt: float = FONT_PT) -> str:
    """Break a text into lines of at most this width, behind a space, `_ , = / -` or a key's `.`.

    A word that is too long for a line is broken anywhere.
    """
    lines, line = [], ""
    for part in _pieces(" ".join(text.split())):
        if line and text_width_mm((line + part).rstrip(), size_pt) > width_mm:
            lines.append(line.rstrip())
            line = ""
        line += part
        while len(line) > 1 and text_width_mm(line.rstrip(), size_pt) > width_mm:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or text_width_mm(line[:n], size_pt) <= width_mm)
            lines.append(line[:cut])
            line = line[cut:]
    return "\n".join([*lines, line.rstrip()] if line.strip() or not lines else lines)


def shortened(text: str, width_mm: float, size_pt: float = SMALL_PT) -> str:
    """Return a text of at most this width, what is too long left out of its middle."""
    if text_width_mm(text, size_pt) <= width_mm:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if text_width_mm(short, size_pt) <= width_mm:
            return short
    return "…"


def line_height_mm(size_pt: float = FONT_PT) -> float:
    """Return the height of a line of text."""
    return 1.25 * size_pt * 25.4 / 72


def number(value: float, digits: int = 4) -> str:
    """Return a number as a person would write it at an axis, with so many digits at most.

    >>> number(0.1), number(128.0), number(1e-05), number(0.0)
    ('0.1', '128', '1e-5', '0')
    """
    text = f"{value:.{digits}g}"
    if "e" in text:
        factor, exponent = text.split("e")
        return f"{factor}e{int(exponent)}"
    return text


def thinned(places: Sequence[float], labels: Sequence[str], gap: float, first: Sequence[int] = ()) -> list[str]:
    """Blank the labels that would touch another; those named in `first` stay before others do.

    Args:
        places: where each label's middle lies, in mm.
        labels: the labels.
        gap: least distance between two labels, in mm.
        first: places in `labels` that must not give way.
    """
    kept: list[int] = []
    order = [*first, *(index for index in _ends_first(len(labels)) if index not in set(first))]
    widths = [text_width_mm(label, SMALL_PT) for label in labels]
    for index in order:
        if all(abs(places[index] - places[k]) >= (widths[index] + widths[k]) / 2 + gap for k in kept):
            kept.append(index)
    return [label if index in kept else "" for index, label in enumerate(labels)]


def panel_grid(count: int, columns: int) -> tuple[int, int]:
    """Return rows and columns for so many panels, at most `columns` wide and without a needless gap.

    >>> panel_grid(5, 4), panel_grid(2, 4), panel_grid(9, 4)
    ((2, 3), (1, 2), (3, 3))
    """
    rows = math.ceil(count / columns)
    return rows, math.ceil(count / rows)


def _ends_first(count: int) -> list[int]:
    return [*dict.fromkeys([0, count - 1]), *range(1, count - 1)] if count else []


def _pieces(text: str) -> list[str]:
    pieces, piece = [], ""
    for place, letter in enumerate(text):
        piece += letter
        if letter in " _,=/-" or (letter == "." and text[place + 1 : place + 2].isalpha()):
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces
