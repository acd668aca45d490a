from typing import Any

import pytest
from pydantic import ValidationError

from sweeps.definition.search_space import Space, Strategy


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "expected one of uniform, loguniform, integer and choice, found 0"),
        ({"uniform": [0, 1], "choice": [0, 1]}, "found 2"),
        ({"uniform": [1, 0]}, "uniform goes from 1 to 0; expected the lower value first"),
        ({"integer": [2, 2]}, "expected the lower value first"),
        ({"integer": [0.5, 2]}, "integer"),
        ({"loguniform": [0, 1]}, "loguniform starts at 0, expected more than 0"),
        ({"choice": ["max", "avg", "max"]}, "choice lists a value twice"),
        ({"choice": ["max"]}, "at least 2 items"),
    ],
)
def test_a_range_is_written_in_one_way_from_low_to_high(content: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Space.model_validate(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"rungs": [0.6, 0.3]}, "rungs must rise"),
        ({"rungs": [0.6, 0.6]}, "rungs must rise, each listed once"),
        ({"rungs": [1.0]}, "less than 1"),
        ({"reduction": 1}, "greater than 1"),
        ({"trials": 1}, "greater than or equal to 2"),
    ],
)
def test_a_strategy_that_compares_nothing_is_refused(content: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Strategy.model_validate(content)
