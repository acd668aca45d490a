"""The searched settings as Optuna's distributions, and drawn values as settings."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simcvd.config import TrialConfig
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from simcvd.nested import written
from sweeps.definition.search_space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 3
"""Significant digits of a drawn number: enough for a weight, short enough to be pasted."""


def distributions(space: Mapping[str, Space], base: TrialConfig) -> "dict[str, BaseDistribution]":
    """Return what Optuna draws each setting from; the base's own value is added to choices that lack it.

    Raises:
        UserError: the base's own value, which is tried first, lies outside of a range.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    own = flatten(base)
    found: dict[str, BaseDistribution] = {}
    for key, values in space.items():
        if values.choice is not None:
            choices = values.choice if own[key] in values.choice else [own[key], *values.choice]
            found[key] = CategoricalDistribution([_plain(choice) for choice in choices])
            continue
        if values.integer is not None:
            distribution: Any = IntDistribution(values.integer[0], values.integer[1])
        else:
            low, high = values.uniform or values.loguniform or [0.0, 1.0]
            distribution = FloatDistribution(float(low), float(high), log=values.loguniform is not None)
        value = own[key]
        if not isinstance(value, int | float) or not distribution.low <= value <= distribution.high:
            raise UserError(
                f"The search of {key} goes from {distribution.low:g} to {distribution.high:g}, which leaves out "
                f"{written(value)}, the value of the base, which is tried first; widen the range or set another base "
                "value."
            )
        found[key] = distribution
    return found


def settings_of(params: Mapping[str, Any], space: Mapping[str, Space]) -> dict[str, Any]:
    """Return drawn values as settings: numbers rounded to `DIGITS`, choices as the sweep file has them.

    >>> settings_of({"loss.sdm": 0.123456}, {"loss.sdm": Space(loguniform=[0.01, 1.0])})
    {'loss.sdm': 0.123}
    """
    return {key: _setting(params[key], space[key]) for key in space}


def params_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as the values that Optuna keeps."""
    return {key: _plain(value) for key, value in settings.items()}


def _setting(value: Any, space: Space) -> Any:
    if space.choice is not None:
        # What is no list in the study is written as JSON there.
        return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
