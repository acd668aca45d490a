from typing import Any

import pytest

from analysis.runs.sweep import written


@pytest.mark.parametrize(
    ("value", "text"),
    [((32, 48, 32), "32x48x32"), ([1, 2], "1x2"), (True, "true"), (None, "none"), (0.1, "0.1"), ("Auto", "Auto")],
)
def test_a_setting_is_written_as_set_takes_it(value: Any, text: str) -> None:
    assert written(value) == text
