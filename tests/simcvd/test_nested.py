import math
from types import MappingProxyType
from typing import Any

import pytest

from simcvd.nested import dotted, finite, leaves, written


def test_leaves_come_in_order_with_their_path() -> None:
    content = {"a": {"b": {"c": 1}, "d": [2]}, 3: None, "empty": {}}
    assert list(leaves(content)) == [(("a", "b", "c"), 1), (("a", "d"), [2]), ((3,), None)]


def test_dotted_and_nested_keys_meet_and_the_last_one_stays() -> None:
    assert dotted({"a.b": 1, "a": {"b": 2, "c": 3}}) == {"a.b": 2, "a.c": 3}


def test_what_json_does_not_know_becomes_none_at_any_depth() -> None:
    content = MappingProxyType({"a": [math.nan, 1.5, (math.inf,)], "b": {"c": -math.inf}, "d": True, "e": "nan"})
    assert finite(content) == {"a": [None, 1.5, [None]], "b": {"c": None}, "d": True, "e": "nan"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((32, 48, 32), "32x48x32"),
        ([1, 2], "1x2"),
        ([[2, 2, 1], (2, 2, 2)], "2x2x1,2x2x2"),
        (True, "true"),
        (None, "none"),
        (0.1, "0.1"),
        ("Auto", "Auto"),
    ],
)
def test_a_setting_is_written_as_set_takes_it(value: Any, text: str) -> None:
    assert written(value) == text
