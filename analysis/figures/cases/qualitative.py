"""Slices of single cases with contours, method beside method, as in Figures 2 and 3 of the paper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.metric import METRIC_BY_NAME, Metric
from analysis.figures.canvas.page import Page, scale_bar
from analysis.figures.canvas.style import ICE, SMALL_PT, TWO_COLUMNS_MM, VERMILLION, axis_label, style
from analysis.figures.cases.case_slices import PLANES, QualitativeCase, Slice, choose_slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.figures.cases.case_slices import Labels

_REFERENCE: Final[dict[str, Any]] = {"color": ICE, "linestyle": (0, (2.5, 0.8)), "linewidth": 1.0}
_EDGE_PT: Final = 0.7
_PREDICTION: Final[dict[str, Any]] = {"color": VERMILLION, "linestyle": "-", "linewidth": 0.8}


def qualitative_figure(
    cases: Sequence[QualitativeCase],
    variants: Sequence[str] | None = None,
    planes: Sequence[str] = PLANES,
    metric: Metric = METRIC_BY_NAME["dice"],
    width_mm: float = TWO_COLUMNS_MM,
) -> "Figure":
    """Draw a row for each case and plane, a column for each variant.

    Solid red: the prediction; dashed blue: the reference; of several classes each has its contours. Grey values run
    from the 1st to the 99th percentile of the slice. The bar gives the scale of a row, the number the case's score.

    Args:
        cases: e.g. the best, the median and the worst.
        variants: columns; None takes all that any case has a prediction of.
        planes: rows of each case.
        metric: what `scores` are of.
        width_mm: most that the figure may take; it is narrower where its height would leave the page.

    Raises:
        ValueError: there is no case or no variant.
    """
    names = list(dict.fromkeys(name for case in cases for name in case.predictions) if variants is None else variants)
    if not cases or not names:
        raise ValueError("expected one or more cases and variants")
    slices = [[choose_slice(case, plane) for plane in planes] for case in cases]
    with style():
        from matplotlib.lines import Line2D
        from matplotlib.patheffects import withStroke

        shapes = [[cut.aspect for cut in cuts] for cuts in slices]
        page = Page(names, shapes, [(case.role, case.name) for case in cases], width_mm)
        rows = [(case, cut, cut is cuts[0]) for case, cuts in zip(cases, slices, strict=True) for cut in cuts]
        for row, (case, cut, first) in enumerate(rows):
            panels = page.row(row, cut.plane)
            for axes, name in zip(panels, names, strict=True):
                _draw_panel(axes, case, cut, name)
                if first and name in case.scores:
                    _write_score(axes, case.scores[name], metric)
            scale_bar(panels[0], "white", "black")
        page.legend(
            [
                Line2D([], [], label=label, path_effects=[withStroke(linewidth=2, foreground="black")], **look)
                for label, look in (("prediction", _PREDICTION), ("reference", _REFERENCE))
            ]
        )
    return page.figure


def qualitative_caption(
    cases: Sequence[QualitativeCase],
    planes: Sequence[str] = PLANES,
    metric: Metric = METRIC_BY_NAME["dice"],
    remarks: Sequence[str] = (),
) -> str:
    """Say what the figure shows: cases, slices (counted from 0) and which predictions are empty."""
    parts = [
        "Solid red: prediction; dashed blue: reference; in each, every class has its contour. Planes are named after "
        "the axes of the array, the first runs to the right, the second upwards; no orientation in the patient is "
        "implied. Slices: those with the largest area of the reference, or, where it is empty, of the predictions.",
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


def _draw_panel(axes: "Axes", case: QualitativeCase, cut: Slice, variant: str) -> None:
    import numpy as np

    image, sizes = cut.of(case.image), cut.sizes(case.spacing_mm)
    extent = (0.0, image.shape[0] * sizes[0], 0.0, image.shape[1] * sizes[1])
    low, high = (float(value) for value in np.percentile(image, (1, 99)))
    axes.imshow(image.T, origin="lower", extent=extent, cmap="gray", vmin=low, vmax=high, aspect="equal")
    _outline(axes, cut.of(case.reference), sizes, _REFERENCE)
    if variant in case.predictions:
        _outline(axes, cut.of(case.predictions[variant]), sizes, _PREDICTION)
    else:
        _write(axes, 0.5, 0.5, "no prediction", ha="center", va="center")
    left, right, bottom, top = cut.window_mm
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _outline(axes: "Axes", labels: "Labels", sizes: tuple[float, float], look: dict[str, Any]) -> None:
    """Draw the border of every class; a frame of background closes those that touch the image's edge."""
    import numpy as np
    from matplotlib.patheffects import AbstractPathEffect, withStroke

    # On grey paper colours are greys, as the image is: a black edge keeps contours apart from it.
    edge: list[AbstractPathEffect] = [withStroke(linewidth=look["linewidth"] + _EDGE_PT, foreground="black")]
    padded = np.pad(labels, 1)
    x, y = ((np.arange(length) - 0.5) * size for length, size in zip(padded.shape, sizes, strict=True))
    for label in np.unique(labels[labels > 0]):
        contour = axes.contour(
            x,
            y,
            (padded == label).T.astype(float),
            levels=[0.5],
            colors=[look["color"]],
            linewidths=look["linewidth"],
            linestyles=[look["linestyle"]],
        )
        contour.set_path_effects(edge)


def _write_score(axes: "Axes", score: float, metric: Metric) -> None:
    _write(axes, 0.03, 0.97, "-" if score != score else f"{metric.scale * score:.1f}", ha="left", va="top")


def _write(axes: "Axes", x: float, y: float, text: str, **given: Any) -> None:
    box = {"boxstyle": "square,pad=0.12", "facecolor": "black", "edgecolor": "none", "alpha": 0.6}
    axes.text(x, y, text, transform=axes.transAxes, color="white", fontsize=SMALL_PT, bbox=box, **given)
