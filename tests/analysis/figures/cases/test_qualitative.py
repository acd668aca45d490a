from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure

from analysis.figures.canvas.style import ORANGE, SKY
from analysis.figures.cases.case_slices import QualitativeCase
from analysis.figures.cases.qualitative import qualitative_caption, qualitative_figure


def ball(centre: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = (30, 24, 20)) -> Any:
    grid = np.indices(shape)
    return (sum((grid[axis] - centre[axis]) ** 2 for axis in range(3)) <= radius**2).astype(np.uint8)


def a_case(names: tuple[str, ...] = ("a", "b"), role: str = "best", **given: Any) -> QualitativeCase:
    image = np.random.default_rng(0).normal(size=(30, 24, 20))
    predictions = {name: ball((14 + n % 3, 12, 10), 5) for n, name in enumerate(names)}
    settings: dict[str, Any] = {
        "image": image,
        "reference": ball((14, 12, 10), 6),
        "predictions": predictions,
        "spacing_mm": (0.8, 0.8, 2.5),
        "scores": dict.fromkeys(names, 0.8734),
    } | given
    return QualitativeCase("heart_012", role, **settings)


def outlines(axes: Any) -> dict[str, list[Any]]:
    """Return corners of areas, which are the reference, and of lines, which are the prediction."""
    found: dict[str, list[Any]] = {"reference": [], "prediction": []}
    for contour in axes.collections:
        assert isinstance(contour, QuadContourSet)
        found["reference" if contour.filled else "prediction"] += [path.vertices for path in contour.get_paths()]
    return found


def colours(axes: Any, filled: bool) -> list[str]:
    """Return the colours of areas or of lines."""
    drawn = [contour for contour in axes.collections if contour.filled == filled]
    return [
        to_hex(own.get_facecolor()[0] if filled else own.get_edgecolor()[0]).upper() for own in drawn if own.get_paths()
    ]


def test_images_and_contours_lie_at_their_place_in_mm() -> None:
    case = a_case(("a",))
    figure = qualitative_figure([case], planes=["x-z"])
    (axes,) = figure.axes
    (image,) = axes.get_images()
    assert np.asarray(image.get_array()).T.tolist() == case.image[:, 12, :].tolist()
    assert image.get_extent() == pytest.approx([0, 30 * 0.8, 0, 20 * 2.5])
    assert image.origin == "lower"
    drawn = outlines(axes)
    # The ball's middle voxel 14 is 14.5 * 0.8 mm; its border lies half a voxel beyond its last voxel, 6 from there.
    for name, radius in (("reference", 6), ("prediction", 5)):
        corners = np.concatenate(drawn[name])
        assert corners[:, 0].min() == pytest.approx((14.5 - radius - 0.5) * 0.8)
        assert corners[:, 0].max() == pytest.approx((14.5 + radius + 0.5) * 0.8)
        assert corners[:, 1].min() == pytest.approx((10.5 - radius - 0.5) * 2.5)
        assert corners[:, 1].max() == pytest.approx((10.5 + radius + 0.5) * 2.5)


def test_a_mm_is_as_long_in_both_directions() -> None:
    figure = qualitative_figure([a_case(), a_case(role="worst")])
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        box = axes.get_position()
        per_mm = [
            box.width * width / np.ptp(axes.get_xlim()),
            box.height * height / np.ptp(axes.get_ylim()),
        ]
        assert per_mm[0] == pytest.approx(per_mm[1], rel=1e-6)


def test_each_class_has_its_border_and_masks_at_the_edge_are_closed() -> None:
    labels = np.zeros((30, 24, 20), dtype=np.uint8)
    labels[:10] = 1
    labels[20:26, 5:15] = 2
    figure = qualitative_figure([a_case(("a",), reference=labels, predictions={"a": labels * 0})], planes=["x-y"])
    drawn = outlines(figure.axes[0])
    assert drawn["prediction"] == []
    assert len(drawn["reference"]) == 2
    assert colours(figure.axes[0], filled=True) == [ORANGE, SKY]
    for corners in drawn["reference"]:
        assert corners[0] == pytest.approx(corners[-1])


def test_a_class_has_one_colour_and_is_named_where_there_are_several() -> None:
    labels = np.zeros((30, 24, 20), dtype=np.uint8)
    labels[:10], labels[20:26] = 1, 2
    case = a_case(("a",), reference=labels, predictions={"a": labels})
    classes = {1: "left", 2: "right"}
    figure = qualitative_figure([case], planes=["x-y"], classes=classes)
    (axes,) = figure.axes
    assert colours(axes, filled=True) == colours(axes, filled=False) == [ORANGE, SKY]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["prediction", "label", "left", "right"]
    assert "left in amber, right in light blue" in qualitative_caption([case], classes=classes)
    (alone,) = qualitative_figure([a_case()], classes={1: "left"}).legends
    assert [text.get_text() for text in alone.get_texts()] == ["prediction", "label"]


def test_rows_columns_scores_and_missing_predictions() -> None:
    full, partial = a_case(("a", "b")), a_case(("a",), role="worst", scores={"a": float("nan")})
    figure = qualitative_figure([full, partial], variants=["b", "a"])
    assert len(figure.axes) == 2 * 3 * 2
    panels = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert "87.3" in panels[0]
    assert [("no prediction" in texts) for texts in panels] == [False] * 6 + [True, False] * 3
    assert "-" in panels[7]
    assert [text.get_text() for text in figure.texts[:2]] == ["b", "a"]
    assert figure.get_figwidth() * 25.4 == pytest.approx(89)
    bars = [any("mm" in text for text in texts) for texts in panels]
    assert bars == [True, False] * 6


def test_an_image_of_one_value_is_drawn() -> None:
    assert qualitative_figure([a_case(image=np.zeros((30, 24, 20)))]).axes


def test_the_caption_names_slices_and_empty_predictions() -> None:
    case = a_case(("a",), predictions={"a": np.zeros((30, 24, 20), dtype=np.uint8)})
    caption = qualitative_caption([case])
    assert "best: heart_012, x-y slice 10, x-z slice 12, y-z slice 14, voxels of 0.8 x 0.8 x 2.5 mm." in caption
    assert "heart_012: empty prediction of a." in caption


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="one or more cases"):
        qualitative_figure([])
    with pytest.raises(ValueError, match="one or more cases"):
        qualitative_figure([a_case(())])


def test_texts_of_a_narrow_figure_do_not_touch(check_texts: Callable[[Figure], list[str]]) -> None:
    figure = qualitative_figure([a_case(("a_$x$",), role) for role in ("best", "median", "worst")])
    assert {"a_$x$", "prediction", "label", "87.3"} <= set(check_texts(figure))
