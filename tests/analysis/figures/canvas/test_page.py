from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from analysis.figures.canvas.page import Page
from analysis.figures.canvas.style import PAGE_MM, TWO_COLUMNS_MM, style


@pytest.mark.parametrize("count", [1, 7, 12])
def test_the_figure_fits_a_page_and_names_do_not_touch(
    count: int, awkward: tuple[str, ...], check_texts: Callable[[Figure], list[str]]
) -> None:
    with style():
        page = Page(awkward[:count], [[1.2, 0.8, 0.6]] * 3, [("best", "heart_001")] * 3, TWO_COLUMNS_MM)
        panels = [axes for row in range(9) for axes in page.row(row, "x-y")]
    width, height = page.figure.get_size_inches() * 25.4
    assert width <= TWO_COLUMNS_MM + 0.01
    assert height <= PAGE_MM
    assert len(panels) == 9 * count
    boxes = [axes.get_position() for axes in panels]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1 and box.y1 <= 1 for box in boxes)
    for box, aspect in zip(boxes, [a for _ in range(3) for a in (1.2, 0.8, 0.6) for _ in range(count)], strict=True):
        assert box.height * height / (box.width * width) == pytest.approx(aspect)
    texts = ["".join(text.split()) for text in check_texts(page.figure)]
    for name in awkward[:count]:
        assert "".join(name.split()) in texts
