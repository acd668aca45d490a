"""Slices of single cases with contours, method beside method, as in Figures 2 and 3 of the paper."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.metric import METRIC_BY_NAME, Metric
from analysis.figures.canvas.page import Page, scale_bar
from analysis.figures.canvas.style import GREY, SMALL_PT, axis_label, style
from analysis.figures.cases.case_slices import PLANES, QualitativeCase, Slice, choose_slice
from analysis.figures.cases.class_looks import classes_in_words, colours_of, swatches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.comparison.aggregate import Flags, Floats

_FILLED: Final = 0.3
"""How much of the label's colour covers the image."""
_EDGE_PT: Final = 0.7
_LINE_PT: Final = 0.9


def qualitative_figure(
    cases: Sequence[QualitativeCase],
    variants: Sequence[str] | None = None,
    planes: Sequence[str] = PLANES,
    metric: Metric = METRIC_BY_NAME["dice"],
    classes: Mapping[int, str] = MappingProxyType({}),
    width_mm: float | None = None,
) -> "Figure":
    """Draw a row for each case and plane, a column for each variant.

    Line: the prediction; tinted area: the label; each class in its colour, the same as in `surface_figure`. Grey
    values run from the 1st to the 99th percentile of the slice. The bar gives the scale of a row, the number the case's
    score.

    Args:
        cases: e.g. the best, the median and the worst.
        variants: columns; None takes all that any case has a prediction of.
        planes: rows of each case.
        metric: what `scores` are of.
        classes: name of each class by its id.
        width_mm: of the figure; None takes a column or a page, as the number of panels asks for.

    Raises:
        ValueError: there is no case or no variant.
    """
    names = list(dict.fromkeys(name for case in cases for name in case.predictions) if variants is None else variants)
    if not cases or not names:
        raise ValueError("expected one or more cases and variants")
    slices = [[choose_slice(case, plane) for plane in planes] for case in cases]
    with style():
        colours = colours_of(cases, classes)
        shapes = [[cut.aspect for cut in cuts] for cuts in slices]
        page = Page(names, shapes, [(case.role, case.name) for case in cases], width_mm, _legend(colours, classes))
        rows = [(case, cut, cut is cuts[0]) for case, cuts in zip(cases, slices, strict=True) for cut in cuts]
        for row, (case, cut, first) in enumerate(rows):
            panels = page.row(row, cut.plane)
            for axes, name in zip(panels, names, strict=True):
                _draw_panel(axes, case, cut, name, colours)
                if first and name in case.scores:
                    _write_score(axes, case.scores[name], metric)
            scale_bar(panels[0])
    return page.figure


def qualitative_caption(
    cases: Sequence[QualitativeCase],
    planes: Sequence[str] = PLANES,
    metric: Metric = METRIC_BY_NAME["dice"],
    classes: Mapping[int, str] = MappingProxyType({}),
    remarks: Sequence[str] = (),
) -> str:
    """Say what the figure shows: cases, slices (counted from 0) and which predictions are empty."""
    parts = [
        f"Line: prediction; tinted area: label; {classes_in_words(colours_of(cases, classes), classes)}. "
        "Planes are named after the axes of the array, the first runs to the right, the second upwards; no orientation "
        "in the patient is implied. Slices: those with the largest area of the label, or, where it is empty, of "
        "the predictions.",
        *([f"Number: {axis_label(metric)} of the case."] if any(case.scores for case in cases) else []),
        *remarks,
    ]
    for case in cases:
        cuts = ", ".join(f"{plane} slice {choose_slice(case, plane).at}" for plane in planes)
        spacing = " x ".join(f"{size:g}" for size in case.spacing_mm)
        parts.append(f"{case.title}, {cuts}, voxels of {spacing} mm.")
        if empty := [name for name, labels in case.predictions.items() if not (labels > 0).any()]:
            parts.append(f"{case.name}: empty prediction of {', '.join(empty)}.")
    return " ".join(parts)


def _legend(colours: Mapping[int, str], classes: Mapping[int, str]) -> list[Any]:
    """Return what is prediction and what label, then the classes, where there are several."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.patheffects import withStroke

    colour = next(iter(colours.values())) if len(colours) == 1 else GREY
    edge = [withStroke(linewidth=_LINE_PT + 2 * _EDGE_PT, foreground="black")]
    return [
        Line2D([], [], label="prediction", color=colour, linewidth=_LINE_PT, path_effects=edge),
        Patch(label="label", facecolor=colour, alpha=_FILLED, linewidth=0),
        *swatches(colours, classes),
    ]


def _draw_panel(axes: "Axes", case: QualitativeCase, cut: Slice, variant: str, colours: Mapping[int, str]) -> None:
    import numpy as np

    image, sizes = cut.of(case.image), cut.sizes(case.spacing_mm)
    extent = (0.0, image.shape[0] * sizes[0], 0.0, image.shape[1] * sizes[1])
    low, high = (float(value) for value in np.percentile(image, (1, 99)))
    axes.imshow(image.T, origin="lower", extent=extent, cmap="gray", vmin=low, vmax=high, aspect="equal")
    for label, colour in colours.items():
        x, y, inside = _framed(cut.of(case.reference) == label, sizes)
        if inside.any():
            axes.contourf(x, y, inside.T, levels=[0.5, 1.5], colors=[colour], alpha=_FILLED)
    if variant in case.predictions:
        for label, colour in colours.items():
            _outline(axes, cut.of(case.predictions[variant]) == label, sizes, colour)
    else:
        _write(axes, 0.5, 0.5, "no prediction", ha="center", va="center")
    left, right, bottom, top = cut.window_mm
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _outline(axes: "Axes", mask: "Flags", sizes: tuple[float, float], colour: str) -> None:
    from matplotlib.patheffects import AbstractPathEffect, withStroke

    x, y, inside = _framed(mask, sizes)
    if not inside.any():
        return
    # On grey paper colours are greys, as the image is: a black edge keeps contours apart from it.
    edge: list[AbstractPathEffect] = [withStroke(linewidth=_LINE_PT + _EDGE_PT, foreground="black")]
    contour = axes.contour(x, y, inside.T, levels=[0.5], colors=[colour], linewidths=_LINE_PT)
    contour.set_path_effects(edge)


def _framed(mask: "Flags", sizes: tuple[float, float]) -> "tuple[Floats, Floats, Floats]":
    """Return the middles of pixels in mm and a mask with a frame, which closes borders at the image's edge."""
    import numpy as np

    padded = np.pad(mask, 1).astype(np.float64)
    x, y = ((np.arange(length) - 0.5) * size for length, size in zip(padded.shape, sizes, strict=True))
    return x, y, padded


def _write_score(axes: "Axes", score: float, metric: Metric) -> None:
    _write(axes, 0.03, 0.97, "-" if score != score else f"{metric.scale * score:.1f}", ha="left", va="top")


def _write(axes: "Axes", x: float, y: float, text: str, **given: Any) -> None:
    box = {"boxstyle": "square,pad=0.12", "facecolor": "black", "edgecolor": "none", "alpha": 0.6}
    axes.text(x, y, text, transform=axes.transAxes, color="white", fontsize=SMALL_PT, bbox=box, **given)
