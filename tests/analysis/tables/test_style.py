import pytest

from analysis.errors import AnalysisError
from analysis.tables import Style


@pytest.mark.parametrize(("margin", "metrics"), [(0.0, 1), (-1.0, 1), (float("inf"), 1), (float("nan"), 1), (1.0, 2)])
def test_a_margin_that_means_nothing_is_refused(margin: float, metrics: int) -> None:
    with pytest.raises(AnalysisError, match="--margin is"):
        Style(margin=margin).check(metrics)


def test_a_margin_of_one_metric_is_taken() -> None:
    Style(margin=0.5).check(1)
    Style().check(4)
