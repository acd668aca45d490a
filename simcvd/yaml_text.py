"""YAML 1.2 that people write; mistakes are told with line and key: "line 7, axes.projection.dropot: unknown setting".

What the program alone reads again, PyYAML writes and reads: it speaks YAML 1.1, where `1e-3` and `12e4` are words.
Settings that it writes are read here too; they hold no word that 1.2 takes for a number.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from simcvd.errors import UserError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node, ScalarNode

KeyPath = tuple[str | int, ...]
"""Keys and numbers that lead to a place in the file."""

MOST_TOLD: Final = 5
_OTHER_IN_1_1: Final = re.compile(r"yes|no|on|off|[-+]?0[0-9_]+", re.IGNORECASE)
"""Truth values of YAML 1.1, words in 1.2; its octal numbers, or words where a digit is above 7, numbers in 1.2."""
_NOT_PLAIN: Final = re.compile(r"[-+]?(0[xob][0-9a-f_]+|(?=[^e]*_)[0-9.][0-9_.]*(e[-+]?[0-9]+)?)", re.IGNORECASE)
"""Numbers that are not to the base of ten, or hold underscores."""


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file.

    Attributes:
        path: where it is; empty for the whole file.
        reason: what was found and expected, without capital and full stop.
    """

    path: KeyPath
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
    lines: Mapping[KeyPath, int]

    def refuse(self, problems: Sequence[Problem]) -> NoReturn:
        """Raise a `UserError` that names the problems, in the order of the file."""
        _refuse(f"{self.kind} {self.origin}", problems, self.lines)


def read_yaml(path: Path, kind: str, expected: str) -> YamlText:
    """Read a YAML file; arguments and errors as of `parse_yaml`.

    Raises:
        UserError: also where it can't be read.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"The {kind} {path} can't be read: {reason}.") from error
    return parse_yaml(text, str(path), kind, expected)


def parse_yaml(text: str, origin: str, kind: str, expected: str) -> YamlText:
    """Parse the YAML of a file.

    Args:
        text: the file's content.
        origin: what to call the file.
        kind: what sort of file it is, such as `sweep file`.
        expected: some keys that it may have.

    Raises:
        UserError: no YAML, no mapping, a key twice, an anchor inside itself, a number that is no plain decimal one, or
            a value that YAML 1.1 reads otherwise.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="safe", pure=True)
    lines: dict[KeyPath, int] = {}
    try:
        root = yaml.compose(text)
        # Before the content is made: merges are resolved in place then.
        problems = list(_problems(root, (), lines, ())) if root is not None else []
        content = yaml.constructor.construct_document(root) if root is not None and not problems else None
    except (YAMLError, ValueError) as error:  # such as a date with 13 months
        raise UserError(f"The {kind} {origin} is not valid YAML: {' '.join(str(error).split())}.") from error
    if problems:
        _refuse(f"{kind} {origin}", problems, lines)
    if not isinstance(content, dict):
        raise UserError(f"The {kind} {origin} holds no mapping; expected keys such as {expected}.")
    return YamlText(kind, origin, content, lines)


def parse_value(text: str) -> Any:
    """Return what a YAML value stands for; what is no YAML is text.

    >>> parse_value("1e-3"), parse_value("[1, 2]"), parse_value("a: b: c")
    (0.001, [1, 2], 'a: b: c')

    Raises:
        UserError: a number that is no plain decimal one, such as 010 or 0x10.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        problems = list(_problems(root, (), {}, ())) if root is not None else []
        content = None if root is None else yaml.constructor.construct_document(root)
    except (YAMLError, ValueError):
        return text
    if problems and any(letter.isdigit() for letter in text):  # words are refused by the setting that they are for
        raise UserError(f"The value {text} is wrong: {problems[0].reason}.")
    return content


def _refuse(what: str, problems: Sequence[Problem], lines: Mapping[KeyPath, int]) -> NoReturn:
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


def _problems(node: "Node", path: KeyPath, lines: dict[KeyPath, int], around: tuple["Node", ...]) -> Iterator[Problem]:
    """Note the line of each place under `node`; yield keys that are given twice and what is easily misread."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if any(node is outer for outer in around):
        yield Problem(path, "refers to itself; write it out")
    elif isinstance(node, ScalarNode):
        yield from _misread(node, path)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _problems(value, (*path, index), lines, (*around, node))
    elif isinstance(node, MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            place, line = (*path, key.value), key.start_mark.line + 1
            if key.value in first:
                yield Problem(place, f"given again in line {line}; keep one")
                continue
            lines[place] = first[key.value] = line
            yield from _misread(key, place)
            yield from _problems(value, place, lines, (*around, node))


def _misread(node: "ScalarNode", path: KeyPath) -> Iterator[Problem]:
    if node.style is not None:
        return
    if _OTHER_IN_1_1.fullmatch(node.value):
        told = "write true, false or a plain number, or put it in quotes"
        yield Problem(path, f"{node.value} means different things in YAML 1.1 and 1.2; {told}")
    elif _NOT_PLAIN.fullmatch(node.value):
        yield Problem(path, f"{node.value} is no plain decimal number; write it as one, or put it in quotes")
