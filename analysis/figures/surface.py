"""Surfaces of the reference and of predictions in 3D, beside each other: projected, sorted by depth, shaded.

Drawn as flat polygons in mm rather than with matplotlib's 3D axes: parallel projection has one scale everywhere, so a
bar in mm is right, and faces turned away need not be drawn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analysis.figures.case_slices import QualitativeCase
from analysis.figures.page import Page, scale_bar
from analysis.figures.style import BLUE, TWO_COLUMNS_MM, VERMILLION, style
from analysis.figures.surface_nets import surface_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.aggregate import Floats
    from analysis.figures.case_slices import Labels

REFERENCE: Final = "Reference"
_MARGIN_MM: Final = 2.0
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
    view_degrees: tuple[float, float] = (-60.0, 25.0),
    width_mm: float = TWO_COLUMNS_MM,
) -> "Figure":
    """Draw a row for each case: the reference in blue, then each variant's prediction in red; classes differ in shade.

    Args:
        cases: e.g. the best, the median and the worst.
        variants: columns; None takes all that any case has a prediction of.
        view_degrees: azimuth around the array's third axis, which points up, and elevation of the eye.
        width_mm: most that the figure may take.

    Raises:
        ValueError: there is no case or no variant.
    """
    import numpy as np

    names = list(dict.fromkeys(name for case in cases for name in case.predictions) if variants is None else variants)
    if not cases or not names:
        raise ValueError("expected one or more cases and variants")
    rows: list[Mapping[str, Drawing]] = []
    for case in cases:
        volumes = {REFERENCE: case.reference} | {n: case.predictions[n] for n in names if n in case.predictions}
        rows.append({name: seen(labels, case.spacing_mm, view_degrees) for name, labels in volumes.items()})
    windows = []
    for row in rows:
        points = np.concatenate([drawing.polygons.reshape(-1, 2) for drawing in row.values()])
        low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), np.ones(2))
        room_for_bar = np.array([0.0, _BAR_SHARE * (high - low)[0]])
        windows.append((low - _MARGIN_MM - room_for_bar, high + _MARGIN_MM))
    with style():
        shapes = [[float((high - low)[1] / (high - low)[0])] for low, high in windows]
        page = Page([REFERENCE, *names], shapes, [(case.role, case.name) for case in cases], width_mm, legend=False)
        for place, (row, (low, high)) in enumerate(zip(rows, windows, strict=True)):
            panels = page.row(place)
            for axes, name in zip(panels, (REFERENCE, *names), strict=True):
                axes.set_xlim(low[0], high[0])
                axes.set_ylim(low[1], high[1])
                if name not in row or not len(row[name].polygons):
                    text = "empty" if name in row else "no prediction"
                    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
                else:
                    _draw(axes, row[name], BLUE if name == REFERENCE else VERMILLION)
            scale_bar(panels[0], "black", "white")
    return page.figure


def surface_caption(cases: Sequence[QualitativeCase], view_degrees: tuple[float, float] = (-60.0, 25.0)) -> str:
    """Say what the figure shows."""
    return (
        f"Surfaces of {', '.join(case.title for case in cases)}: the reference in blue, predictions in red, classes in "
        f"shades; parallel projection, azimuth {view_degrees[0]:g} and elevation {view_degrees[1]:g} degrees in the "
        "array's axes, the third upwards. Steps of the voxel grid are smoothed by less than half a voxel."
    )


def seen(labels: "Labels", spacing_mm: tuple[float, float, float], view_degrees: tuple[float, float]) -> Drawing:
    """Return the faces of all classes that are turned to the eye, the furthest first."""
    import numpy as np

    azimuth, elevation = (math.radians(angle) for angle in view_degrees)
    toward = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    up = np.cross(toward, right)
    light = toward + 0.6 * up - 0.5 * right
    light /= np.linalg.norm(light)
    corners, lightness, classes = [np.zeros((0, 4, 3))], [np.zeros(0)], [np.zeros(0)]
    for label in np.unique(labels[labels > 0]):
        surface = surface_of(labels == label, spacing_mm)
        front = surface.normals() @ toward > 0
        corners.append(surface.corners()[front])
        lightness.append(np.clip(surface.shading_normals()[front] @ light, 0.0, 1.0))
        classes.append(np.full(int(front.sum()), float(label)))
    faces = np.concatenate(corners)
    order = np.argsort(faces.mean(axis=1) @ toward, kind="stable")
    plane = np.stack([right, up], axis=1)
    return Drawing(
        faces[order] @ plane, np.concatenate(lightness)[order], np.concatenate(classes)[order].astype(np.float64)
    )


def _draw(axes: "Axes", drawing: Drawing, colour: str) -> None:
    import numpy as np
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    base = np.array(to_rgb(colour))
    pale = 0.55 * (1 - 1 / np.maximum(drawing.classes, 1))[:, None]
    own = base + (1 - base) * pale
    colours = np.clip(own * (0.45 + 0.6 * drawing.lightness[:, None]), 0, 1)
    polygons: Any = drawing.polygons
    axes.add_collection(
        PolyCollection(polygons, facecolors=colours, edgecolors=colours, linewidths=0.15, rasterized=True),
        autolim=False,
    )
