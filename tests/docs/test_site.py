"""The site holds every page, and its links lead somewhere; CI builds it with `mkdocs build --strict`."""

import re
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
LINKS = runpy.run_path(str(ROOT / SITE["hooks"][0]))
OWN = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
PICTURE = ROOT / "docs" / "assets" / "report.png"


def _pages(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in _pages(part)]


def test_each_page_is_in_the_navigation_once() -> None:
    assert sorted(_pages(SITE["nav"])) == sorted([*OWN, *(f"repository/{name}" for name in LINKS["PAGES"])])


@pytest.mark.parametrize(
    ("link", "page", "expected"),
    [
        ("[a](data.md#groups)", "tuning.md", "[a](data.md#groups)"),
        ("[a](../cluster.yaml)", "tour.md", "[a](repository/cluster.yaml)"),
        ("[a](../../cluster.yaml)", "clusters/README.md", "[a](../repository/cluster.yaml)"),
        ("[a](docs/data.md)", "repository/CHANGELOG.md", "[a](../data.md)"),
        ("[a](CONTRIBUTING.md)", "repository/CHANGELOG.md", "[a](CONTRIBUTING.md)"),
        ("[a](clusters)", "data.md", "[a](clusters/README.md)"),
        ("[a](../locks)", "security.md", "`locks`"),
        ("[a](nowhere.md)", "data.md", "[a](nowhere.md)"),
        ("[a](https://example.org/b.md)", "data.md", "[a](https://example.org/b.md)"),
    ],
)
def test_links_lead_to_what_the_site_has(link: str, page: str, expected: str) -> None:
    there = {"data.md", "clusters/README.md", "repository/cluster.yaml", "repository/CONTRIBUTING.md"}
    assert LINKS["relinked"](link, page, there) == expected


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_in_the_repository_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*(f"docs/{page}" for page in OWN), *LINKS["PAGES"]])
def test_lists_and_tables_are_such_for_the_site_too(page: str) -> None:
    """A code host takes a list right below a paragraph, and a block within a list by two blanks; MkDocs does not."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    assert re.findall(r"^ {1,3}(?:```|\||[-*] |\d+\. ).*", text, re.M) == []
    lines = text.splitlines()
    for before, line in pairwise(lines):
        if re.match(r"[-*] |\d+\. ", line):
            assert re.match(r"$|[-*] |\d+\. | |#", before), line
        if line.startswith("|"):
            assert not before or before.startswith("|"), line


def test_readme_is_short_and_its_picture_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 120
    assert PICTURE.relative_to(ROOT).as_posix() in readme
    assert PICTURE.stat().st_size <= runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))["MOST_BYTES"]
