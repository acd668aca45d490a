"""The commands that README and pages show."""

import re
import shlex
from pathlib import Path
from unittest import mock

import typer

import cli

ROOT = Path(__file__).parents[2]
WRITTEN_ELSEWHERE = ("decisions.md", "results")
"""Pages that tell what was done, perhaps with an earlier version."""
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "docs").rglob("*.md")
        if not any(part in WRITTEN_ELSEWHERE for part in path.relative_to(ROOT / "docs").parts)
    ),
]


def commands(page: str) -> list[str]:
    """Return the lines `simcvd ...` of a page's blocks of commands, without comments; output is in blocks `text`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.M | re.S)
    return [
        shlex.join(words)
        for kind, block in blocks
        if kind in ("", "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if (words := _words(line))
    ]


def inline(page: str) -> list[str]:
    """Return the whole commands that stand within a page's sentences and tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    sentences = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)
    found = [" ".join(span.split()) for span in re.findall(r"(?<!`)`(simcvd [^`]+)`(?!`)", sentences)]
    return [line for line in found if not re.search(r"[|\[\]]|\.\.\.|\bCOMMAND\b", line)]


def parse(line: str) -> None:
    """Let the real command line read a command.

    Raises:
        UsageError: of Typer's Click; a command, an option or a value does not exist, or something is missing.
    """
    words = _words(line)[1:]
    command = typer.main.get_command(cli.app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        _, found, words = command.resolve_command(typer.Context(command), words)
        command = found
    whole = not hasattr(command, "commands")
    with mock.patch("simcvd.config.load_plugin"):  # files that pages name are not here
        command.make_context("simcvd", words, resilient_parsing=not whole)


def _words(line: str) -> list[str]:
    """Return the words of a line's command, up to what the shell takes."""
    if "simcvd " not in line or not re.match(r" *(srun [^#]*)?simcvd ", line):
        return []
    words = shlex.split(line[line.index("simcvd ") :], comments=True)
    ends = [place for place, word in enumerate(words) if word in (">", "&&", "|", "2>&1")]
    return words[: min(ends, default=len(words))]
