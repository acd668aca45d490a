"""Every figure at the width of a column and of a page, with names that are hard to place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.comparison.metric import find_metric
from analysis.figures.boxes import box_figure
from analysis.figures.canvas.style import WIDTHS_MM
from analysis.figures.cases.case_slices import QualitativeCase
from analysis.figures.cases.qualitative import qualitative_figure
from analysis.figures.cases.surface import surface_figure
from analysis.figures.comparison import Comparison
from analysis.figures.curves import sensitivities
from analysis.figures.forest import forest_figure
from analysis.figures.history import history_figure
from analysis.figures.importance import importance_figure
from analysis.figures.interval import case_interval
from analysis.figures.label_efficiency import LabelEfficiency, MethodLine, label_efficiency_figure
from analysis.figures.paired import paired_figure
from analysis.figures.parallel import parallel_figure
from analysis.figures.sensitivity import sensitivity_figure
from analysis.figures.study import Study
from analysis.runs.tried_setting import TriedSetting
from analysis.statistics import crossed_test

Make = Callable[..., Comparison]


@pytest.fixture(params=sorted(WIDTHS_MM))
def width_mm(request: pytest.FixtureRequest) -> float:
    return WIDTHS_MM[request.param]


@pytest.fixture
def check(width_mm: float, check_texts: Callable[[Figure], list[str]]) -> Callable[[Figure], list[str]]:
    """Fail unless a figure is exactly as wide as asked, in letters of 6 to 8 pt that do not touch; return its texts."""

    def check(figure: Figure) -> list[str]:
        texts = check_texts(figure)
        assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)
        sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()}
        assert {6.0, 7.0} >= sizes
        return ["".join(text.split()) for text in texts]

    return check


@pytest.mark.parametrize("draw", [forest_figure, box_figure, paired_figure])
def test_comparisons_of_twelve_variants(
    draw: Callable[..., Figure],
    twelve: Comparison,
    width_mm: float,
    check: Callable[[Figure], list[str]],
    awkward: tuple[str, ...],
) -> None:
    texts = check(draw(twelve, width_mm=width_mm))
    assert "".join(awkward[4].split()) in texts


def test_a_forest_over_seeds_has_room_for_its_legend(
    make_comparison: Make, width_mm: float, check: Callable[[Figure], list[str]], awkward: tuple[str, ...]
) -> None:
    draw = np.random.default_rng(0)
    reference = draw.normal(0.8, 0.05, (3, 10))
    sides = {name: reference + draw.normal(0.01, 0.03, (3, 10)) for name in awkward[1:5]}
    data = make_comparison(
        {awkward[0]: reference.mean(axis=0)} | {name: own.mean(axis=0) for name, own in sides.items()},
        over_seeds={name: crossed_test(own, reference, "different") for name, own in sides.items()},
    )
    texts = check(forest_figure(data, width_mm))
    assert "95%CIoverseedsandcases" in texts
    assert texts.count("overseedspHolm") == 1


def test_curves(make_comparison: Make, width_mm: float, check: Callable[[Figure], list[str]]) -> None:
    grid = {f"a{r}, b{s}": {"loss.sdm": r, "projection.pool_size": s} for r in (0.0, 0.01, 1.0) for s in (8, 64, 128)}
    draw = np.random.default_rng(0)
    data = make_comparison({name: draw.normal(0.8, 0.05, 9) for name in grid}, settings=grid)
    for each in sensitivities(data):
        check(sensitivity_figure(each, width_mm))


def test_label_efficiency(width_mm: float, check: Callable[[Figure], list[str]], awkward: tuple[str, ...]) -> None:
    interval = case_interval([0.5, 0.6])
    lines = tuple(MethodLine(name, dict.fromkeys((4, 8, 16), interval), interval) for name in awkward[:4])
    check(label_efficiency_figure(LabelEfficiency(find_metric("dice"), lines, ""), width_mm))


def test_searches(width_mm: float, check: Callable[[Figure], list[str]]) -> None:
    draw = np.random.default_rng(0)
    keys = ("projection.dropout", "loss.contrast", "training.learning_rate", "projection.pool_size")
    trials = tuple(
        TriedSetting(
            n,
            dict(zip(keys, draw.uniform(0.01, 1, 4).tolist(), strict=True)),
            state="complete",
            value=float(draw.random()),
        )
        for n in range(12)
    )
    study = Study("search", find_metric("dice"), trials, frozenset(keys[:2]))
    check(history_figure(study, width_mm))
    check(parallel_figure(study, width_mm))
    check(importance_figure(dict(zip(keys, (0.5, 0.3, 0.15, 0.05), strict=True)), width_mm))


@pytest.mark.parametrize("count", [1, 5])
def test_pictures(count: int, width_mm: float, check: Callable[[Figure], list[str]]) -> None:
    labels: Any = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[3:6, 3:9, 3:9], labels[6:9, 3:9, 3:9] = 1, 2
    predictions = {f"variant {n}": labels for n in range(count)}
    case = QualitativeCase("heart_001", "best", labels.astype(float), labels, predictions, (1.0, 1.0, 2.0))
    classes = {1: "left ventricle of the heart", 2: "myocardium"}
    check(qualitative_figure([case], classes=classes, width_mm=width_mm))
    check(surface_figure([case], classes=classes, width_mm=width_mm))
