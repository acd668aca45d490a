"""Each message that docs/errors.md quotes is said by the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^> (.+)$", PAGE, re.M)
FILLED = "\0"
"""Stands in a message of the source for what is filled in."""


@cache
def _messages() -> str:
    """Return all texts of the source, a line each."""
    files = [
        ROOT / "cli.py",
        *(path for name in ("simcvd", "sweeps", "analysis") for path in (ROOT / name).rglob("*.py")),
    ]
    return "\n".join(text for path in files for text in _texts(ast.parse(path.read_text(encoding="utf-8"))))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values]
            yield "".join(parts).replace("\n", " ")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("\n", " ")


def _pattern(message: str) -> str:
    """Return what a message looks like in the source: capitals may be filled in, and so may further words be."""
    words = [
        ".*" if word == "..." else rf"(?:{word}|{FILLED}+)" if re.fullmatch("[A-Z]{3,}", word) else re.escape(word)
        for word in re.split(r"(?<=;) (\.\.\.) |(?<=: )(\.\.\.)$|\b([A-Z]{3,})\b", message)
        if word
    ]
    return "".join(words)


def test_the_page_quotes_the_messages_that_users_meet() -> None:
    assert len(QUOTED) >= 25
    assert len(set(QUOTED)) == len(QUOTED)


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_said(message: str) -> None:
    assert re.search(_pattern(message), _messages()), message


def test_a_message_that_is_not_said_would_be_found() -> None:
    assert not re.search(_pattern("There is no data set in FOLDER: expected a spoon."), _messages())
    assert not re.search(
        _pattern("There is no datum in FOLDER: expected a folder made by `simcvd prepare`."), _messages()
    )
