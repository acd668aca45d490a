import re
import runpy
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROWS = dict(re.findall(r"^\| ([a-z\d][\w.-]*) \| (.+) \|$", PAGE.replace("| package | licence |", ""), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def make():
    """What the script defines."""
    return runpy.run_path(str(ROOT / "docs" / "make_licences.py"))


def _names(section: str) -> set[str]:
    return {name for name in ROWS if f"\n| {name} | " in section}


def test_each_dependency_of_the_project_has_its_row(make):
    assert _names(SECTIONS["simcvd itself asks for"]) == set(map(make["name_of"], PROJECT["dependencies"]))


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_dependency_of_an_extra_has_its_row(make, extra):
    assert set(map(make["name_of"], EXTRAS[extra])) <= ROWS.keys()
    assert _names(SECTIONS[f"`simcvd[{extra}]` adds"]) >= set(make["locked"](extra))


def test_each_locked_package_has_its_row_and_no_other_has_one(make):
    assert ROWS.keys() == {"torch", *(name for lock in ("run", *EXTRAS) for name in make["locked"](lock))}


def test_what_is_installed_in_its_locked_version_states_the_licence_of_its_row(make):
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)", "".join(map(_lock, ("run", *EXTRAS))), re.MULTILINE))
    compared = 0
    for name, written in ROWS.items():
        try:
            same = version(name) == versions.get(name)
        except PackageNotFoundError:
            continue
        if same:
            compared += 1
            assert make["licence"](name) == written, name
    if not compared:
        pytest.skip("other versions are installed")


def test_licences_that_ask_for_more_are_told_by_name(make):
    [told] = re.findall(r"^Most are under .* These ask for more: (.+)\.$", PAGE, re.MULTILINE)
    named = dict(re.findall(r"([\w.-]+) \(([^()]*(?:\([^()]*\))?[^()]*)\)", told))
    assert named == {name: licence for name, licence in ROWS.items() if make["SHARE_ALIKE"].search(licence)}
    assert {"edt", "psycopg", "psycopg-binary", "medpy"} <= named.keys()


def _lock(name: str) -> str:
    return (ROOT / "locks" / f"{name}.txt").read_text()
