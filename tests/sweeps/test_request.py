import pytest

from simcvd.errors import UserError
from sweeps.request import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h", 28800), ("30m", 1800), ("90", 90), ("1h30m", 5400), ("0.5h", 1800), ("45s", 45)]
)
def test_times_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8 h", "h", "8x", "-3", "0", "8h3", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match="--time-budget is"):
        parse_duration(text)
