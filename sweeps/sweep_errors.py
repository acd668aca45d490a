"""Mistakes in a sweep file, told with the line and the key: "line 7, axes.projection.dropot: unknown setting"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import yaml
from pydantic import BaseModel, ValidationError

from simcvd.errors import UserError

Path = tuple[str | int, ...]
"""Keys and numbers that lead to a place in the file."""

MOST_TOLD: Final = 5


@dataclass(frozen=True)
class Problem:
    """Something wrong in a sweep file.

    Attributes:
        path: where it is; empty for the whole file.
        reason: what was found and expected, without capital and full stop.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class SweepText:
    """A sweep file as parsed.

    Attributes:
        origin: what to call the file.
        content: its content.
        lines: line of each key and list item, counted from 1.
    """

    origin: str
    content: dict[str, Any]
    lines: Mapping[Path, int]

    def refuse(self, problems: Sequence[Problem]) -> NoReturn:
        """Raise a `UserError` that names the problems, in the order of the file."""
        _refuse(self.origin, problems, self.lines)


class _Loader(yaml.SafeLoader):
    """YAML's safe types, with 1e-3 as a number: YAML 1.1 asks for 1.0e-3."""


_Loader.yaml_implicit_resolvers = {
    first: list(resolvers) for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_sweep(text: str, origin: str) -> SweepText:
    """Parse the YAML of a sweep file.

    Raises:
        UserError: no YAML, no mapping, a key twice, or an anchor inside itself.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        lines: dict[Path, int] = {}
        # Before the content is made: merges are resolved in place then, and of equal keys the last one stays.
        problems = list(_map(root, (), lines, ())) if root is not None else []
        content = loader.construct_document(root) if root is not None and not problems else None
    except yaml.YAMLError as error:
        raise UserError(f"The sweep file {origin} is not valid YAML: {' '.join(str(error).split())}.") from error
    finally:
        loader.dispose()
    if problems:
        _refuse(origin, problems, lines)
    if not isinstance(content, dict):
        raise UserError(f"The sweep file {origin} holds no mapping; expected keys such as name, base, axes and seeds.")
    return SweepText(origin, content, lines)


def schema_problems(error: ValidationError, text: SweepText, model: type[BaseModel]) -> list[Problem]:
    """Return what pydantic found, at the places of the file."""
    problems = []
    for item in error.errors():
        reason = str(item["msg"]).removeprefix("Value error, ")
        path = _place((*item["loc"], *item.get("ctx", {}).get("path", ())), text, item["type"] == "missing")
        if item["type"] == "extra_forbidden":
            reason = f"unknown key, known are {', '.join(_known(model, path))}"
        problems.append(Problem(path, f"{reason[0].lower()}{reason[1:]}"))
    return problems


def _refuse(origin: str, problems: Sequence[Problem], lines: Mapping[Path, int]) -> NoReturn:
    def line(problem: Problem) -> int | None:
        parts = (problem.path[:length] for length in range(len(problem.path), 0, -1))
        return next((lines[part] for part in parts if part in lines), None)

    def told(problem: Problem) -> str:
        number = line(problem)
        before = "" if number is None else f"line {number}, "
        return f"{before}{'.'.join(map(str, problem.path))}: {problem.reason}" if problem.path else problem.reason

    ordered = sorted(problems, key=lambda problem: line(problem) or len(lines) + 10**9)
    sentences = list(dict.fromkeys(told(problem) for problem in ordered))
    if len(sentences) > MOST_TOLD:
        sentences[MOST_TOLD:] = [f"and {len(sentences) - MOST_TOLD} more"]
    told_all = "; ".join(sentences).removesuffix(".")
    raise UserError(f"The sweep file {origin} is wrong: {told_all}{'' if told_all.endswith('?') else '.'}")


def _map(node: yaml.Node, path: Path, lines: dict[Path, int], around: tuple[yaml.Node, ...]) -> Iterator[Problem]:
    """Note the line of each place under `node` and yield keys that are given twice."""
    if any(node is outer for outer in around):
        yield Problem(path, "refers to itself; write it out")
        return
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _map(value, (*path, index), lines, (*around, node))
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            place, line = (*path, key.value), key.start_mark.line + 1
            if key.value in first:
                yield Problem(place, f"given again in line {line}; keep one")
                continue
            lines[place] = first[key.value] = line
            yield from _map(value, place, lines, (*around, node))


def _place(location: Sequence[str | int], text: SweepText, missing: bool) -> Path:
    """Leave pydantic's marks of union members out of a location, and what is not in the file."""
    place: Path = ()
    for index, part in enumerate(location):
        if (*place, part) in text.lines or (missing and index == len(location) - 1):
            place = (*place, part)
    return place


def _known(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that are known where `path` ends."""
    from sweeps.ablation import Ablation
    from sweeps.axes import ConditionalAxis
    from sweeps.search.settings import Space, Strategy
    from sweeps.variant_entry import VariantEntry

    inner: dict[str | int, type[BaseModel]] = {
        "variants": VariantEntry,
        "axes": ConditionalAxis,
        "ablation": Ablation,
        "search": Space,
        "strategy": Strategy,
    }
    return list((model if len(path) == 1 else inner.get(path[0], model)).model_fields)
