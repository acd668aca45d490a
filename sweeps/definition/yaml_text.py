"""YAML files whose mistakes are told with the line and the key: "line 7, axes.projection.dropot: unknown setting"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import yaml

from simcvd.errors import UserError

Path = tuple[str | int, ...]
"""Keys and numbers that lead to a place in the file."""

MOST_TOLD: Final = 5


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file.

    Attributes:
        path: where it is; empty for the whole file.
        reason: what was found and expected, without capital and full stop.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class YamlText:
    """A YAML file as parsed.

    Attributes:
        kind: what sort of file it is, such as `sweep file`.
        origin: what to call the file.
        content: its content.
        lines: line of each key and list item, counted from 1.
    """

    kind: str
    origin: str
    content: dict[str, Any]
    lines: Mapping[Path, int]

    def refuse(self, problems: Sequence[Problem]) -> NoReturn:
        """Raise a `UserError` that names the problems, in the order of the file."""
        _refuse(f"{self.kind} {self.origin}", problems, self.lines)


class _Loader(yaml.SafeLoader):
    """YAML's safe types, with 1e-3 as a number: YAML 1.1 asks for 1.0e-3."""


_Loader.yaml_implicit_resolvers = {
    first: list(resolvers) for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_yaml(text: str, origin: str, kind: str, expected: str) -> YamlText:
    """Parse the YAML of a file.

    Args:
        text: the file's content.
        origin: what to call the file.
        kind: what sort of file it is, such as `sweep file`.
        expected: some keys that it may have.

    Raises:
        UserError: no YAML, no mapping, a key twice, or an anchor inside itself.
    """
    loader: _Loader | None = None
    try:
        loader = _Loader(text)  # refuses control characters
        root = loader.get_single_node()
        lines: dict[Path, int] = {}
        # Before the content is made: merges are resolved in place then, and of equal keys the last one stays.
        problems = list(_map(root, (), lines, ())) if root is not None else []
        content = loader.construct_document(root) if root is not None and not problems else None
    except (yaml.YAMLError, ValueError) as error:  # such as a date with 13 months
        raise UserError(f"The {kind} {origin} is not valid YAML: {' '.join(str(error).split())}.") from error
    finally:
        if loader is not None:
            loader.dispose()
    if problems:
        _refuse(f"{kind} {origin}", problems, lines)
    if not isinstance(content, dict):
        raise UserError(f"The {kind} {origin} holds no mapping; expected keys such as {expected}.")
    return YamlText(kind, origin, content, lines)


def _refuse(what: str, problems: Sequence[Problem], lines: Mapping[Path, int]) -> NoReturn:
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
    raise UserError(f"The {what} is wrong: {told_all}{'' if told_all.endswith('?') else '.'}")


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
