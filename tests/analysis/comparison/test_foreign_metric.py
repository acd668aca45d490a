import pytest

from analysis.comparison.foreign_metric import direction, foreign_metric
from analysis.errors import AnalysisError


@pytest.mark.parametrize(
    ("column", "largest", "asked", "expected"),
    [
        ("dice", 0.9, None, ("Dice", "%", 100.0, True, 2)),
        ("dice", 91.0, None, ("Dice", "%", 1.0, True, 2)),
        ("mean_IoU", 0.8, None, ("mean_IoU", "%", 100.0, True, 2)),
        ("hd95_mm", 30.0, None, ("HD95", "mm", 1.0, False, 2)),
        ("Hausdorff distance [mm]", 30.0, None, ("Hausdorff distance [mm]", "mm", 1.0, False, 2)),
        ("quality", 0.8, True, ("quality", "", 1.0, True, 4)),
        ("dice_loss", 0.8, False, ("dice_loss", "", 1.0, False, 4)),
        ("runtime", 120.0, False, ("runtime", "", 1.0, False, 2)),
    ],
)
def test_the_name_tells_direction_unit_and_scale(
    column: str, largest: float, asked: bool | None, expected: tuple[object, ...]
) -> None:
    metric = foreign_metric(column, largest, asked)
    assert (metric.label, metric.unit, metric.scale, metric.higher_is_better, metric.digits) == expected


@pytest.mark.parametrize(
    ("column", "higher"), [("DSC", True), ("mean-IoU", True), ("95HD", False), ("quality", None), ("dice_loss", None)]
)
def test_a_name_with_words_of_both_sides_or_none_does_not_tell(column: str, higher: bool | None) -> None:
    assert direction(column) == higher


def test_a_name_that_does_not_tell_is_asked_for_its_direction() -> None:
    with pytest.raises(AnalysisError, match=r"'dice_loss' does not tell .*--higher-is-better or --lower-is-better"):
        foreign_metric("dice_loss", 0.8)
