"""Settings named anywhere in a sweep file, each checked for itself: is there such a setting, can it have this value."""

from collections.abc import Iterator, Mapping
from typing import Any

from simcvd.config import PRESETS, dotted_keys
from simcvd.config.edit import setting_problem
from simcvd.methods.registry import method_names
from simcvd.nearest import did_you_mean
from simcvd.nested import leaves
from simcvd.networks.registry import network_names
from simcvd.yaml_text import KeyPath, Problem
from sweeps.definition.ablation import off_settings
from sweeps.definition.axes import holds
from sweeps.definition.sweep_file import PRESET

_Found = Iterator[Problem]


def setting_problems(content: Mapping[str, Any]) -> _Found:
    """Yield what is wrong with the settings of a sweep file; what has not the form of settings is passed over.

    What only a combination of settings can break (a stride larger than the crop) is found when the sweep is expanded.
    """
    yield from _of_mapping(content.get("base"), ("base",), preset=True)
    yield from _of_axes(content.get("axes"))
    for place, variant in _items(content.get("variants")):
        if isinstance(variant, Mapping):
            yield from _of_mapping(variant.get("set"), ("variants", place, "set"))
    if isinstance(ablation := content.get("ablation"), Mapping):
        for off in off_settings(ablation.get("terms")):
            yield from _check(off.key, off.value, ("ablation", "terms", *off.path))
    yield from _of_search(content.get("search"), content.get("strategy"))
    yield from _of_mapping(content.get("reference"), ("reference",))
    if isinstance(labels := content.get("labels"), Mapping):
        for key in labels:
            if str(key) not in dotted_keys():
                yield from _check(str(key), None, ("labels", key))


def _check(key: str, value: Any, path: KeyPath) -> _Found:
    if (reason := _reason(key, value)) is not None:
        yield Problem(path, reason)


def _reason(key: str, value: Any) -> str | None:
    for name, known, listed in (("method", method_names, "methods"), ("network.name", network_names, "networks")):
        if key == name and isinstance(value, str) and value not in known():
            told = did_you_mean(value.lower().replace("-", "_"), known(), most=1)
            return f"there is no {listed[:-1]} '{value}', {told or f'see simcvd {listed}'}"
    return setting_problem(key, value)


def _of_mapping(settings: Any, path: KeyPath, preset: bool = False) -> _Found:
    """Check settings written with dotted keys, nested, or both."""
    seen: dict[str, KeyPath] = {}
    for place, key, value in _flat(settings, path):
        if key in seen:
            first = ".".join(map(str, seen[key]))
            yield Problem(place, f"sets {key}, which {first} sets as well; keep one")
        elif preset and key == PRESET:
            if value not in PRESETS:
                yield Problem(place, f"there is no preset '{value}', presets are {', '.join(PRESETS)}")
        else:
            yield from _check(key, value, place)
        seen[key] = place


def _of_axes(axes: Any) -> _Found:
    if not isinstance(axes, Mapping):
        return
    for key, axis in axes.items():
        path: KeyPath = ("axes", key)
        conditional = isinstance(axis, Mapping)
        values = list(_items(axis.get("values") if conditional else axis))
        if str(key) not in dotted_keys():
            yield from _check(str(key), None, path)
            continue
        for place, value in values:
            yield from _check(key, value, (*path, "values", place) if conditional else (*path, place))
        if conditional:
            yield from _of_conditions(key, axis.get("when"), axes)


def _of_conditions(key: str, when: Any, axes: Mapping[str, Any]) -> _Found:
    for place, other, wanted in _flat(when, ("axes", key, "when")):
        if other == key:
            yield Problem(place, "is the axis itself; name another setting")
            continue
        if other not in dotted_keys():
            yield from _check(other, None, place)
            continue
        # A list is one of several values, unless the setting's own values are lists.
        several = isinstance(wanted, list) and setting_problem(other, wanted) is not None
        for value in wanted if several else [wanted]:
            axis = axes.get(other)
            values = axis.get("values") if isinstance(axis, Mapping) else axis
            if (reason := _reason(other, value)) is not None:
                yield Problem(place, reason)
            elif isinstance(values, list) and not any(holds(value, each) for each in values):
                yield Problem(place, f"is {value!r}, which is none of the values under axes.{other}")


def _of_search(search: Any, strategy: Any) -> _Found:
    if not isinstance(search, Mapping):
        return
    for key, space in search.items():
        path: KeyPath = ("search", key)
        if str(key) not in dotted_keys():
            yield from _check(str(key), None, path)
        elif isinstance(space, Mapping):
            for way, values in space.items():
                yield from _of_range(str(key), str(way), values, (*path, way))
    starts = strategy.get("start") if isinstance(strategy, Mapping) else None
    for place, settings in _items(starts):
        for at, key, value in _flat(settings, ("strategy", "start", place)):
            if key in dotted_keys() and key not in search:
                yield Problem(at, "is not searched; set it in base, or add it to search")
            else:
                yield from _check(key, value, at)


def _of_range(key: str, way: str, values: Any, path: KeyPath) -> _Found:
    numbers = [value for _, value in _items(values)]
    for place, value in enumerate(numbers):
        if way != "choice" and (isinstance(value, bool) or not isinstance(value, int | float)):
            return  # said by the schema
        if (reason := setting_problem(key, value)) is not None:
            yield Problem((*path, place), reason)
            return
    drawn = way in {"uniform", "loguniform"} and len(numbers) == 2
    if drawn and setting_problem(key, numbers[0] + (numbers[1] - numbers[0]) / 3.7) is not None:
        yield Problem(path, f"draws fractions, which {key} can't be; use integer or choice")


def _items(values: Any) -> Iterator[tuple[int, Any]]:
    if isinstance(values, list):
        yield from enumerate(values)


def _flat(settings: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, Any]]:
    """Yield each setting of a nested or dotted mapping: where it stands, its dotted key, its value."""
    if isinstance(settings, Mapping):
        for keys, value in leaves(settings):
            yield (*path, *keys), ".".join(map(str, keys)), value
