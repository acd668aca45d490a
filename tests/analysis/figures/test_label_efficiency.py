from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from analysis.comparison.metric import find_metric
from analysis.figures.comparison import Comparison
from analysis.figures.interval import case_interval
from analysis.figures.label_efficiency import (
    LabelEfficiency,
    MethodLine,
    label_efficiency,
    label_efficiency_caption,
    label_efficiency_figure,
)

Make = Callable[..., Comparison]


@pytest.fixture
def grid(make_comparison: Make) -> Comparison:
    draw = np.random.default_rng(5)
    names = {f"method={m}, labeled={n}": {"method": m, "data.labeled": n} for m in ("dan", "cps") for n in (4, 8, 16)}
    return make_comparison({name: draw.normal(0.8, 0.05, 10) for name in names}, settings=names)


def test_points_and_intervals_are_those_of_the_cases(grid: Comparison) -> None:
    data = label_efficiency([grid])
    assert data is not None
    assert [line.name for line in data.lines] == ["dan", "cps"]
    (axes,) = label_efficiency_figure(data).axes
    for place, container in enumerate(axes.containers):
        line, _, (bars,) = container.lines  # type: ignore[attr-defined]
        own = [100 * variant.values for variant in grid.variants[3 * place : 3 * place + 3]]
        hard = np.mean([100 * variant.values for variant in grid.variants], axis=0)
        assert list(line.get_xdata()) == [4, 8, 16]
        assert line.get_ydata() == pytest.approx([values.mean() for values in own])
        for (low, high), values in zip(bars.get_segments(), own, strict=True):
            error = stats.sem(values - hard) * np.sqrt(6 / 5)  # of Cousineau and Morey, six variants
            assert (low[1], high[1]) == pytest.approx(stats.t.interval(0.95, 9, loc=values.mean(), scale=error))
    assert axes.get_xlabel() == "Labelled cases"
    assert axes.get_ylabel() == "Dice [%]"


def test_lines_stand_aside_of_each_other_on_paper_alone(grid: Comparison) -> None:
    data = label_efficiency([grid])
    assert data is not None
    (axes,) = label_efficiency_figure(data).axes
    first, second = (container.lines[0] for container in axes.containers)  # type: ignore[attr-defined]
    places = [line.get_transform().transform([(8, 80)])[0, 0] for line in (first, second)]
    assert places[1] - places[0] == pytest.approx(1.4 / 72 * 300)
    low, high = axes.get_xlim()
    assert low < 4 < 16 < high


def test_several_sweeps_make_one_line(make_comparison: Make) -> None:
    settings = {"DAN": {"method": "dan", "data.labeled": 4}, "CPS": {"method": "cps", "data.labeled": 4}}
    first = make_comparison({"DAN": [0.5, 0.6], "CPS": [0.6, 0.7]}, settings=settings)
    more = {name: own | {"data.labeled": 8} for name, own in settings.items()}
    second = make_comparison({"DAN": [0.6, 0.7], "CPS": [0.7, 0.8]}, settings=more)
    assert label_efficiency([first]) is None
    data = label_efficiency([first, second])
    assert data is not None
    assert [(line.name, list(line.points)) for line in data.lines] == [("DAN", [4, 8]), ("CPS", [4, 8])]


def test_all_labels_are_a_level_and_the_own_number_must_be_known(make_comparison: Make) -> None:
    settings: dict[str, dict[str, Any]] = {
        "4": {"method": "s", "data.labeled": "4"},
        "own": {"method": "s", "data.labeled": None},
        "8": {"method": "s", "data.labeled": "8"},
        "all": {"method": "s", "data.labeled": "all"},
    }
    comparison = make_comparison({name: [0.1 * n, 0.2 * n] for n, name in enumerate(settings, 1)}, settings=settings)
    data = label_efficiency([comparison])
    assert data is not None
    (line,) = data.lines
    assert list(line.points) == [4, 8]
    assert line.all_labels is not None
    assert (line.all_labels.n, line.all_labels.estimate) == (2, pytest.approx(0.6))
    assert "within-case interval" in label_efficiency_caption(data)
    assert "own: the data set's own labelled cases, number unknown, not drawn." in label_efficiency_caption(data)
    (axes,) = label_efficiency_figure(data).axes
    levels = [line for line in axes.get_lines() if "all labels" in str(line.get_label())]
    assert [float(np.asarray(line.get_ydata())[0]) for line in levels] == pytest.approx([60])
    known = label_efficiency([comparison], own_labeled=6)
    assert known is not None
    assert list(known.lines[0].points) == [4, 6, 8]
    assert known.remarks == ()


def test_different_cases_are_refused(grid: Comparison) -> None:
    other = replace(grid, cases=tuple(f"x{n}" for n in range(10)))
    with pytest.raises(ValueError, match="same cases"):
        label_efficiency([grid, other])
    with pytest.raises(ValueError, match="one metric"):
        label_efficiency([grid, replace(grid, metric=find_metric("jaccard"))])


def test_a_failed_variant_leaves_a_gap_and_is_said(make_comparison: Make) -> None:
    nan = float("nan")
    settings = {str(n): {"method": "s", "data.labeled": n} for n in (4, 8, 16)}
    data = label_efficiency([make_comparison({"4": [0.5, 0.6], "8": [nan, nan], "16": [0.7, nan]}, settings=settings)])
    assert data is not None
    (axes,) = label_efficiency_figure(data).axes
    assert list(axes.containers[0].lines[0].get_xdata()) == [4, 16]  # type: ignore[attr-defined]
    caption = label_efficiency_caption(data)
    assert "8: 1 of 1 trials failed (nan)." in caption
    assert "16: 1 of 2 cases without Dice, left out." in caption


def test_twelve_long_names_are_readable(awkward: tuple[str, ...], check_texts: Callable[[Figure], list[str]]) -> None:
    lines = tuple(
        MethodLine(
            name, {n: case_interval([0.5, 0.6 + 0.01 * n]) for n in (2, 4, 8, 16, 80)}, case_interval([0.9, 0.8])
        )
        for name in awkward
    )
    texts = check_texts(label_efficiency_figure(LabelEfficiency(find_metric("dice"), lines, "")))
    shown = ["".join(text.split()) for text in texts]
    for name in awkward:
        assert "".join(name.split()) in shown
