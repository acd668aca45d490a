import pytest

from analysis.ending.words import p_text, time_text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "p < 0.001"), (0.0456, "p = 0.046"), (0.9999, "p > 0.999")])
def test_p_is_a_number_or_its_bound(p: float, text: str) -> None:
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (99.4, "99 s"), (100, "2 min"), (7199, "120 min"), (7200, "2.0 h")]
)
def test_a_time_is_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
