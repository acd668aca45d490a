from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.cases.case_slices import QualitativeCase
from analysis.figures.cases.surface import FINEST_VOXELS, seen, surface_caption, surface_figure, voxels_merged

SHAPE = (14, 16, 12)


def box(*corners: slice, label: int = 1) -> Any:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[corners] = label
    return labels


def a_case(predictions: dict[str, Any], role: str = "best") -> QualitativeCase:
    reference = box(slice(4, 10), slice(4, 12), slice(3, 9))
    return QualitativeCase("heart_012", role, np.zeros(SHAPE), reference, predictions, (1.0, 1.0, 1.5))


def test_only_faces_turned_to_the_eye_are_drawn_the_nearest_last() -> None:
    labels = box(slice(4, 10), slice(4, 12), slice(3, 9))
    drawing = seen(labels, (1.0, 1.0, 1.0), (0.0, 0.0))  # along the first axis: y to the right, z upwards
    x, y = np.moveaxis(drawing.polygons, 2, 0)
    areas = abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(axis=1)) / 2
    assert 0.85 * 48 < areas.sum() <= 48  # each point of the rounded 8 x 6 mm silhouette is covered once
    across = drawing.polygons.reshape(-1, 2)
    assert across.min(axis=0) == pytest.approx([4, 3], abs=0.36)
    assert across.max(axis=0) == pytest.approx([12, 9], abs=0.36)
    assert ((drawing.lightness >= 0) & (drawing.lightness <= 1)).all()


def test_the_nearer_of_two_classes_covers_the_other() -> None:
    labels = np.maximum(
        box(slice(2, 4), slice(4, 12), slice(3, 9)), box(slice(9, 11), slice(4, 12), slice(3, 9), label=2)
    )
    from_front, from_behind = (seen(labels, (1.0, 1.0, 1.0), (angle, 0.0)).classes for angle in (0.0, 180.0))
    assert (from_front[0], from_front[-1]) == (1, 2)
    assert (from_behind[0], from_behind[-1]) == (2, 1)


def test_panels_show_reference_and_predictions_at_one_scale(check_texts: Callable[[Figure], list[str]]) -> None:
    shifted = box(slice(6, 12), slice(4, 12), slice(3, 9))
    cases = [a_case({"a_$x$": shifted, "empty": shifted * 0}), a_case({"empty": shifted}, "worst")]
    figure = surface_figure(cases)
    assert len(figure.axes) == 2 * 3
    texts = check_texts(figure)
    assert {"Label", "a_$x$", "empty", "no prediction"} <= set(texts)
    for row in (figure.axes[:3], figure.axes[3:]):
        assert len({(axes.get_xlim(), axes.get_ylim()) for axes in row}) == 1
        box_ = row[0].get_position()
        width, height = figure.get_size_inches()
        mm = (box_.width * width / np.ptp(row[0].get_xlim()), box_.height * height / np.ptp(row[0].get_ylim()))
        assert mm[0] == pytest.approx(mm[1])
    assert [len(axes.get_images()) for axes in figure.axes] == [1, 1, 0, 1, 0, 1]


def test_pictures_lie_where_the_faces_are() -> None:
    shifted = box(slice(6, 12), slice(4, 12), slice(3, 9))
    axes = surface_figure([a_case({"a": shifted})]).axes[1]
    (image,) = axes.get_images()
    painted = np.asarray(image.get_array())[:, :, 3] > 128
    left, right, bottom, top = image.get_extent()
    rows, columns = np.nonzero(painted)
    height, width = painted.shape
    points = seen(shifted, (1.0, 1.0, 1.5), (-60.0, 25.0)).polygons.reshape(-1, 2)
    pixel = (right - left) / width
    found = [
        left + columns.min() * pixel,
        left + (columns.max() + 1) * pixel,
        top - (rows.max() + 1) * (top - bottom) / height,
        top - rows.min() * (top - bottom) / height,
    ]
    expected = [points[:, 0].min(), points[:, 0].max(), points[:, 1].min(), points[:, 1].max()]
    assert found == pytest.approx(expected, abs=2 * pixel)


@pytest.mark.parametrize(("label", "strongest"), [(1, 0), (2, 2)])
def test_a_class_has_the_same_colour_in_the_reference_and_in_predictions(label: int, strongest: int) -> None:
    whole = box(slice(4, 10), slice(4, 12), slice(3, 9), label=label)
    case = QualitativeCase("c", "", np.zeros(SHAPE), whole, {"a": whole}, (1.0, 1.0, 1.5))
    for axes in surface_figure([case], classes={1: "left", 2: "right"}).axes:
        picture = np.asarray(axes.get_images()[0].get_array())
        opaque = picture[picture[:, :, 3] == 255]
        assert (opaque[:, :3].argmax(axis=1) == strongest).all()  # amber is mostly red, light blue blue
    assert "left in amber, right in light blue" in surface_caption([case], {1: "left", 2: "right"})


def test_stray_voxels_do_not_shrink_a_surface() -> None:
    reference = np.zeros((60, 60, 60), dtype=np.uint8)
    reference[20:30, 20:30, 20:30] = 1
    stray = reference.copy()
    stray[1, 1, 1] = stray[58, 58, 2] = 1
    clean, strayed = (
        QualitativeCase("c", "", np.zeros(reference.shape), reference, {"a": own}, (1.0, 1.0, 1.0))
        for own in (reference, stray)
    )
    limits = [(axes.get_xlim(), axes.get_ylim()) for axes in surface_figure([strayed]).axes]
    assert limits == [(axes.get_xlim(), axes.get_ylim()) for axes in surface_figure([clean]).axes]
    assert voxels_merged(strayed) == voxels_merged(clean) == 1
    assert "c, out of view: 2 voxels of a." in surface_caption([strayed])
    assert "out of view" not in surface_caption([clean])


def test_large_masks_are_drawn_from_blocks_and_said() -> None:
    labels = np.zeros((2 * FINEST_VOXELS + 30, 8, 9), dtype=np.uint8)
    labels[5 : 2 * FINEST_VOXELS + 6, 2:7, 1:8] = 1
    case = QualitativeCase("c", "", np.zeros(labels.shape), labels, {"a": labels}, (0.5, 1.0, 1.0))
    assert voxels_merged(case) == 3
    whole, coarse = (seen(labels, case.spacing_mm, (-90.0, 0.0), merged) for merged in (1, 3))
    assert len(coarse.polygons) < len(whole.polygons) / 5
    for axis in (0, 1):
        for end in (np.min, np.max):
            sides = [end(drawing.polygons[:, :, axis]) for drawing in (whole, coarse)]
            assert sides[0] == pytest.approx(sides[1], abs=2.5)  # by at most a block of 1.5 x 3 x 3 mm
    assert "Blocks of 3 x 3 x 3 voxels are drawn as one." in surface_caption([case])
    assert "Blocks" not in surface_caption([a_case({})])


def test_everything_may_be_empty() -> None:
    case = QualitativeCase("c", "", np.zeros(SHAPE), box(slice(0, 0)), {"a": box(slice(0, 0))}, (1, 1, 1))
    assert len(surface_figure([case]).axes) == 2
    assert "Parallel projection" in surface_caption([case])


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="one or more cases"):
        surface_figure([])
