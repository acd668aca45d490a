import math
from types import MappingProxyType

from simcvd.nested import dotted, finite, leaves


def test_leaves_come_in_order_with_their_path() -> None:
    content = {"a": {"b": {"c": 1}, "d": [2]}, 3: None, "empty": {}}
    assert list(leaves(content)) == [(("a", "b", "c"), 1), (("a", "d"), [2]), ((3,), None)]


def test_dotted_and_nested_keys_meet_and_the_last_one_stays() -> None:
    assert dotted({"a.b": 1, "a": {"b": 2, "c": 3}}) == {"a.b": 2, "a.c": 3}


def test_what_json_does_not_know_becomes_none_at_any_depth() -> None:
    content = MappingProxyType({"a": [math.nan, 1.5, (math.inf,)], "b": {"c": -math.inf}, "d": True, "e": "nan"})
    assert finite(content) == {"a": [None, 1.5, [None]], "b": {"c": None}, "d": True, "e": "nan"}
