"""Mistakes in a sweep file, told with the line and the key: "line 7, axes.projection.dropot: unknown setting"."""

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from simcvd.yaml_text import KeyPath, Problem, YamlText


def schema_problems(error: ValidationError, text: YamlText, model: type[BaseModel]) -> list[Problem]:
    """Return what pydantic found, at the places of the file."""
    problems = []
    for item in error.errors():
        reason = str(item["msg"]).removeprefix("Value error, ")
        path = _place((*item["loc"], *item.get("ctx", {}).get("path", ())), text, item["type"] == "missing")
        if item["type"] == "extra_forbidden":
            reason = f"unknown key, known are {', '.join(_known(model, path))}"
        problems.append(Problem(path, f"{reason[0].lower()}{reason[1:]}"))
    return problems


def _place(location: Sequence[str | int], text: YamlText, missing: bool) -> KeyPath:
    """Leave pydantic's marks of union members out of a location, and what is not in the file."""
    place: KeyPath = ()
    for index, part in enumerate(location):
        if (*place, part) in text.lines or (missing and index == len(location) - 1):
            place = (*place, part)
    return place


def _known(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that are known where `path` ends."""
    from sweeps.definition.ablation import Ablation
    from sweeps.definition.axes import ConditionalAxis
    from sweeps.definition.search_space import Space, Strategy
    from sweeps.definition.variant_entry import VariantEntry

    inner: dict[str | int, type[BaseModel]] = {
        "variants": VariantEntry,
        "axes": ConditionalAxis,
        "ablation": Ablation,
        "search": Space,
        "strategy": Strategy,
    }
    return list((model if len(path) == 1 else inner.get(path[0], model)).model_fields)
