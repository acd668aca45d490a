import pytest

from analysis.comparison.metric import METRIC_BY_NAME, find_metric, joined, labels, shown
from analysis.errors import AnalysisError
from simcvd.metrics.names import METRICS, OVERLAPS, SURFACE_DICES


def test_every_metric_that_is_computed_is_shown() -> None:
    assert tuple(METRIC_BY_NAME) == METRICS
    assert all(find_metric(name).name == name for name in METRICS)


def test_of_overlaps_more_is_better_and_they_are_shares() -> None:
    assert tuple(name for name in METRICS if find_metric(name).higher_is_better) == (*OVERLAPS, *SURFACE_DICES)
    assert {find_metric(name).alternative for name in (*OVERLAPS, *SURFACE_DICES)} == {"reference higher"}
    assert {find_metric(name).scale for name in (*OVERLAPS, *SURFACE_DICES)} == {100.0}


@pytest.mark.parametrize(
    ("name", "heading"), [("dice", "Dice [%]"), ("hd95_vox", "HD95 [voxel]"), ("assd_mm", "ASSD [mm]")]
)
def test_a_heading_has_the_unit(name: str, heading: str) -> None:
    assert find_metric(name).heading == heading


def test_a_wrong_name_is_told_with_the_nearest() -> None:
    with pytest.raises(AnalysisError, match=r"There is no metric 'dise'; did you mean dice\?; metrics are dice, jacc"):
        find_metric("dise")


def test_metrics_of_one_label_are_told_apart_by_unit() -> None:
    dice, voxels, mm = map(find_metric, ("dice", "hd95_vox", "hd95_mm"))
    assert joined(list(labels([dice, voxels, mm]).values())) == "Dice, HD95 [voxel] and HD95 [mm]"
    assert labels([dice, mm])[mm] == "HD95"


def test_a_value_that_rounds_to_nothing_has_no_sign() -> None:
    assert [shown(value, find_metric("dice")) for value in (-1e-9, 0.91234, None)] == ["0.00", "91.23", "-"]
