"""Surfaces of the label and of predictions in 3D, beside each other: projected, sorted by depth, shaded.

Drawn as flat polygons in mm rather than with matplotlib's 3D axes: parallel projection has one scale everywhere, so a
bar in mm is right, and faces turned away need not be drawn. Polygons become pixels once, whatever the file's format:
a hundred thousand of them would make a vector file that no one can open.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analysis.figures.canvas.page import Page, scale_bar
from analysis.figures.canvas.style import DPI, style
from analysis.figures.cases.case_slices import QualitativeCase
from analysis.figures.cases.class_looks import classes_in_words, colours_of, swatches
from analysis.figures.cases.surface_nets import surface_of
from analysis.figures.cases.surface_view import DIRECTION_DEGREES, body, eye_at, outside, window

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from analysis.comparison.aggregate import Floats
    from analysis.figures.cases.case_slices import Labels

LABEL: Final = "Label"
FINEST_VOXELS: Final = 96
"""Voxels across, beyond which faces would be smaller than the pixels of a panel."""
_MOST_FINEST: Final = 4
"""A prediction may have so many times as many voxels across, at most, before blocks grow for it."""
_BAR_SHARE: Final = 0.14
"""Room below the surfaces, for the bar, as a share of their width."""


class Drawing(NamedTuple):
    """Faces of a volume as seen, the furthest first.

    Attributes:
        polygons: corners in mm on the paper's plane, `[F, 4, 2]`.
        lightness: how much light each face gets, from 0 to 1, `[F]`.
        classes: class of each face, `[F]`.
    """

    polygons: "Floats"
    lightness: "Floats"
    classes: "Floats"


def surface_figure(
    cases: Sequence[QualitativeCase],
    variants: Sequence[str] | None = None,
    classes: Mapping[int, str] = MappingProxyType({}),
    view_degrees: tuple[float, float] = DIRECTION_DEGREES,
    width_mm: float | None = None,
) -> "Figure":
    """Draw a row for each case: the label, then each variant's prediction, each class in its colour.

    The view is fitted to the label; what lies beyond it is cut off, as the caption says.

    Args:
        cases: e.g. the best, the median and the worst.
        variants: columns; None takes all that any case has a prediction of.
        classes: name of each class by its id.
        view_degrees: azimuth around the array's third axis, which points up, and elevation of the eye.
        width_mm: of the figure; None takes a column or a page, as the number of panels asks for.

    Raises:
        ValueError: there is no case or no variant.
    """
    import numpy as np

    names = list(dict.fromkeys(name for case in cases for name in case.predictions) if variants is None else variants)
    if not cases or not names:
        raise ValueError("expected one or more cases and variants")
    rows: list[Mapping[str, Drawing]] = []
    for case in cases:
        volumes = {LABEL: case.reference} | {n: case.predictions[n] for n in names if n in case.predictions}
        merged = voxels_merged(case)
        rows.append({name: seen(labels, case.spacing_mm, view_degrees, merged) for name, labels in volumes.items()})
    windows = []
    for case in cases:
        low, high = window(case, eye_at(view_degrees))
        windows.append((low - np.array([0.0, _BAR_SHARE * (high - low)[0]]), high))
    colours = colours_of(cases, classes)
    with style():
        shapes = [[float((high - low)[1] / (high - low)[0])] for low, high in windows]
        sides = [(case.role, case.name) for case in cases]
        page = Page([LABEL, *names], shapes, sides, width_mm, swatches(colours, classes))
        for place, (row, (low, high)) in enumerate(zip(rows, windows, strict=True)):
            panels = page.row(place)
            for axes, name in zip(panels, (LABEL, *names), strict=True):
                axes.set_xlim(low[0], high[0])
                axes.set_ylim(low[1], high[1])
                if name not in row or not len(row[name].polygons):
                    text = "empty" if name in row else "no prediction"
                    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
                else:
                    picture = _picture(row[name], colours, low, high, page.panel_mm)
                    axes.imshow(picture, extent=(low[0], high[0], low[1], high[1]), aspect="auto", zorder=0)
            scale_bar(panels[0])
    return page.figure


def surface_caption(
    cases: Sequence[QualitativeCase],
    classes: Mapping[int, str] = MappingProxyType({}),
    view_degrees: tuple[float, float] = DIRECTION_DEGREES,
    remarks: Sequence[str] = (),
) -> str:
    """Say what the figure shows, and what of predictions lies out of view."""
    text = (
        f"Surfaces of {', '.join(case.title for case in cases)}: the label, then predictions; "
        f"{classes_in_words(colours_of(cases, classes), classes)}. Parallel projection, azimuth {view_degrees[0]:g} "
        f"and elevation {view_degrees[1]:g} degrees in the array's axes, the third upwards. Steps of the voxel grid "
        "are smoothed by less than half a voxel. The view is fitted to the label."
    )
    merged = sorted({voxels_merged(case) for case in cases})
    coarse = [f"Blocks of {n} x {n} x {n} voxels are drawn as one." for n in merged if n > 1]
    beyond = [
        f"{case.name}, out of view: {', '.join(f'{count} voxels of {name}' for name, count in found.items())}."
        for case in cases
        if (found := outside(case, eye_at(view_degrees)))
    ]
    return " ".join([text, *beyond, *coarse, *remarks])


def voxels_merged(case: QualitativeCase) -> int:
    """Return how many voxels along each axis are drawn as one, so that what is in view has at most `FINEST_VOXELS`."""
    import numpy as np

    foreground = np.logical_or.reduce([case.reference > 0, *(labels > 0 for labels in case.predictions.values())])
    return max(-(-_across(body(case)) // FINEST_VOXELS), -(-_across(foreground) // (_MOST_FINEST * FINEST_VOXELS)))


def _across(mask: "npt.NDArray[np.bool_]") -> int:
    """Return the largest extent of a mask in voxels, at least 1."""
    import numpy as np

    filled = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    return max(int(along[-1]) + 1 - int(along[0]) if len(along) else 1 for along in filled)


def seen(
    labels: "Labels", spacing_mm: tuple[float, float, float], view_degrees: tuple[float, float], merged: int = 1
) -> Drawing:
    """Return the faces of all classes that are turned to the eye, the furthest first.

    Args:
        labels: `[X, Y, Z]`.
        spacing_mm: size of a voxel.
        view_degrees: azimuth and elevation of the eye.
        merged: so many voxels along each axis are one, inside where half of them are.
    """
    import numpy as np

    eye = eye_at(view_degrees)
    light = eye.toward + 0.6 * eye.up - 0.5 * eye.right
    light /= np.linalg.norm(light)
    corners, lightness, classes = [np.zeros((0, 4, 3))], [np.zeros(0)], [np.zeros(0)]
    for label in np.unique(labels[labels > 0]):
        first, second, third = (merged * size for size in spacing_mm)
        surface = surface_of(_coarser(labels == label, merged), (first, second, third))
        front = surface.normals() @ eye.toward > 0
        corners.append(surface.corners()[front])
        lightness.append(np.clip(surface.shading_normals()[front] @ light, 0.0, 1.0))
        classes.append(np.full(int(front.sum()), float(label)))
    faces = np.concatenate(corners)
    order = np.argsort(faces.mean(axis=1) @ eye.toward, kind="stable")
    return Drawing(
        faces[order] @ eye.plane, np.concatenate(lightness)[order], np.concatenate(classes)[order].astype(np.float64)
    )


def _coarser(mask: "npt.NDArray[np.bool_]", merged: int) -> "npt.NDArray[np.bool_]":
    """Merge blocks of voxels; the first block begins with the first voxel, what lacks at the end is outside."""
    import numpy as np

    if merged == 1:
        return mask
    padded = np.pad(mask, [(0, -length % merged) for length in mask.shape])
    x, y, z = (length // merged for length in padded.shape)
    coarse: npt.NDArray[np.bool_] = padded.reshape(x, merged, y, merged, z, merged).mean(axis=(1, 3, 5)) >= 0.5
    return coarse


def _picture(
    drawing: Drawing, colours: Mapping[int, str], low: "Floats", high: "Floats", width_mm: float
) -> "npt.NDArray[np.uint8]":
    """Paint the faces on a transparent ground that spans `low` to `high` and is so wide on paper: RGBA `[H, W, 4]`."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    seen_ones = (drawing.polygons.max(axis=1) >= low).all(axis=1) & (drawing.polygons.min(axis=1) <= high).all(axis=1)
    base = np.array([to_rgb(colours[int(label)]) for label in drawing.classes[seen_ones]]).reshape(-1, 3)
    shaded = np.clip(base * (0.45 + 0.6 * drawing.lightness[seen_ones, None]), 0, 1)
    polygons: Any = drawing.polygons[seen_ones]
    wide, high_mm = width_mm, width_mm * float((high - low)[1] / (high - low)[0])
    figure = Figure(figsize=(wide / 25.4, high_mm / 25.4), dpi=DPI, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    faces = PolyCollection(polygons, facecolors=shaded, edgecolors=shaded, linewidths=0.15)
    axes.add_collection(faces, autolim=False)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())
