import numpy as np
import pytest

from analysis.comparison.foreign_metric import Unit, direction, foreign_metric, range_of, unit_of_shares
from analysis.errors import AnalysisError

INF = float("inf")


@pytest.mark.parametrize(
    ("column", "largest", "asked", "share", "expected"),
    [
        ("dice", 0.9, None, "share", ("Dice", "%", 100.0, True, 2)),
        ("dice", 91.0, None, "percent", ("Dice", "%", 1.0, True, 2)),
        ("mean_IoU", 0.8, None, "share", ("mean_IoU", "%", 100.0, True, 2)),
        ("dice_pct", 0.8, None, "percent", ("dice_pct", "%", 1.0, True, 2)),
        ("quality", 80.0, True, "percent", ("quality", "%", 1.0, True, 2)),
        ("hd95_mm", 30.0, None, None, ("HD95", "mm", 1.0, False, 2)),
        ("Hausdorff distance [mm]", 30.0, None, None, ("Hausdorff distance [mm]", "mm", 1.0, False, 2)),
        ("quality", 0.8, True, None, ("quality", "", 1.0, True, 4)),
        ("dice_loss", 0.8, False, None, ("dice_loss", "", 1.0, False, 4)),
        ("runtime", 120.0, False, None, ("runtime", "", 1.0, False, 2)),
    ],
)
def test_the_name_tells_direction_and_unit_and_the_unit_of_shares_the_scale(
    column: str, largest: float, asked: bool | None, share: Unit | None, expected: tuple[object, ...]
) -> None:
    metric = foreign_metric(column, largest, asked, share)
    assert (metric.label, metric.unit, metric.scale, metric.higher_is_better, metric.digits) == expected


@pytest.mark.parametrize(
    ("column", "values", "asked", "expected"),
    [
        ("dice", [0.2, 0.9], None, "share"),
        ("dice", [0.2, 1.0000001], None, "share"),
        ("dice", [0.2, 1.00001], None, "percent"),
        ("dice", [np.nan, 85.0], None, "percent"),
        ("dice", [0.2, 0.9], "percent", "percent"),
        ("Dice [%]", [0.2, 0.9], None, "percent"),
        ("dice_pct", [0.2, 0.9], None, "percent"),
        ("dice_pct", [0.2, 0.9], "share", "share"),
        ("quality", [0.2, 0.9], None, None),
        ("quality", [0.2, 0.9], "share", "share"),
        ("hd95", [0.2, 0.9], None, None),
    ],
)
def test_shares_are_in_the_unit_that_is_said_or_named_or_that_the_whole_column_tells(
    column: str, values: list[float], asked: Unit | None, expected: Unit | None
) -> None:
    assert unit_of_shares(column, np.array(values), asked) == expected


@pytest.mark.parametrize(
    ("column", "share", "expected"),
    [
        ("dice", "share", (0.0, 1.0)),
        ("dice", "percent", (0.0, 100.0)),
        ("HD95 (mm)", None, (0.0, INF)),
        ("quality", None, (-INF, INF)),
        ("volume_error", None, (-INF, INF)),
    ],
)
def test_shares_and_distances_have_a_range(column: str, share: Unit | None, expected: tuple[float, float]) -> None:
    assert range_of(column, share) == expected


@pytest.mark.parametrize(
    ("column", "higher"), [("DSC", True), ("mean-IoU", True), ("95HD", False), ("quality", None), ("dice_loss", None)]
)
def test_a_name_with_words_of_both_sides_or_none_does_not_tell(column: str, higher: bool | None) -> None:
    assert direction(column) == higher


def test_a_name_that_does_not_tell_is_asked_for_its_direction() -> None:
    with pytest.raises(AnalysisError, match=r"'dice_loss' does not tell .*--higher-is-better or --lower-is-better"):
        foreign_metric("dice_loss", 0.8)
