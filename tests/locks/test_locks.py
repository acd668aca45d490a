"""The locks fit pyproject.toml: what was changed there and not locked again is found here."""

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "locks"
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = CONTENT["project"]
EXTRAS = PROJECT["optional-dependencies"]
NAMES = ("run", "torch", *EXTRAS)


@cache
def _locked(name: str) -> dict[str, str]:
    """Return what a lock installs, version by name, with what it takes over from another one."""
    text = (LOCKS / f"{name}.txt").read_text()
    found: dict[str, str] = {}
    for taken in re.findall(r"^-r (\w+)\.txt$", text, re.MULTILINE):
        found |= _locked(taken)
    return found | dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def _unmet(requirements: list[str], versions: dict[str, str]) -> list[str]:
    unmet = []
    for found in map(Requirement, requirements):
        version = versions.get(canonicalize_name(found.name))
        if version is None or not found.specifier.contains(version, prereleases=True):
            unmet.append(f"{found}, found {version}")
    return unmet


def test_each_dependency_is_locked_in_its_range() -> None:
    assert _unmet(PROJECT["dependencies"], _locked("run") | _locked("torch")) == [], "run locks/make.py"
    assert _unmet(CONTENT["build-system"]["requires"], _locked("run")) == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_has_a_lock_with_its_dependencies(extra: str) -> None:
    assert _unmet(EXTRAS[extra], _locked(extra)) == [], "run locks/make.py"
    assert _locked("run").items() <= _locked(extra).items()


def test_a_requirement_that_no_lock_meets_is_found() -> None:
    assert _unmet(["torch>=99", "absent", "numpy>=1"], _locked("run") | _locked("torch")) == [
        f"torch>=99, found {_locked('torch')['torch']}",
        "absent, found None",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_file_of_a_locked_package_has_a_hash(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    blocks = re.split(r"^(?=\S)", re.sub(r"^(#|-r ).*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    for block in filter(None, blocks):
        first, *files = re.split(r" \\\n +", block.strip())
        assert re.fullmatch(r"[a-z\d.-]+==\S+( ; sys_platform == 'linux')?", first), block
        assert files, block
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", file) for file in files), block


def test_only_torchs_own_lock_chooses_its_build() -> None:
    chosen = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
    assert not [name for extra in ("run", *EXTRAS) for name in _locked(extra) if chosen.fullmatch(name)]
    assert all(map(chosen.fullmatch, _locked("torch")))


def test_what_the_installed_packages_ask_for_is_locked_too() -> None:
    locked = {name for lock in NAMES for name in _locked(lock)}
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [(canonicalize_name(Requirement(text).name), frozenset(Requirement(text).extras)) for text in _asked()]
    while left:
        name, extras = left.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # an extra that is not installed here
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                left.append((canonicalize_name(need.name), frozenset(need.extras)))
    assert len(seen) > 100
    assert sorted({name for name, _ in seen} - locked) == [], "run locks/make.py"


def _asked() -> list[str]:
    return [*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)]
