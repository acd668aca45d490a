"""Figures as files: PDF and SVG for papers, PNG for the screen; the same figure is the same bytes."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from analysis.figures.canvas.style import style
from simcvd.files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["pdf", "svg", "png"]

FORMATS: Final[tuple[Format, ...]] = ("pdf", "svg", "png")

_WITHOUT_TIME: Final[dict[Format, dict[str, str | None]]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


def render(figure: "Figure", format_: Format) -> bytes:
    """Return a figure as the content of a file."""
    out = io.BytesIO()
    with style():
        _settle(figure)
        figure.savefig(out, format=format_, metadata=_WITHOUT_TIME[format_])
    return out.getvalue()


def save_figure(figure: "Figure", stem: Path) -> tuple[Path, ...]:
    """Write `stem.pdf`, `stem.svg` and `stem.png`, each appearing by rename.

    Returns:
        The files, in the order of `FORMATS`.
    """
    files = tuple(stem.with_name(f"{stem.name}.{format_}") for format_ in FORMATS)
    for file, format_ in zip(files, FORMATS, strict=True):
        write_file(file, render(figure, format_))
    return files


def _settle(figure: "Figure") -> None:
    """Lay the figure out once; the layout moves a little with every drawing, so formats would differ."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # "none" would leave a placeholder, for which each saving draws twice
