"""The page on Python: its examples run as they stand, and the short names are what it says."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import simcvd
import sweeps

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
FIRST, SWEEP, *_ = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def _run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_example_trains_scores_and_segments(tmp_path: Path) -> None:
    assert re.fullmatch(r"5 steps, mean Dice 0\.\d\d\n", _run(FIRST, tmp_path))
    assert [path.name for path in (tmp_path / "masks").glob("*.h5")] == ["phantom_000.h5"]


@pytest.mark.ray
def test_example_sweeps_and_prints_the_table(tmp_path: Path) -> None:
    simcvd.write_phantom(tmp_path / "data", labeled=2, unlabeled=2, val=1, test=2)
    printed = _run(SWEEP, tmp_path)
    assert re.search(r"^0 ", printed, re.M)
    assert "| dropout=0.5 |" in printed


@pytest.mark.parametrize("package", [simcvd, sweeps], ids=lambda package: package.__name__)
def test_offered_names_are_those_that_type_checkers_see(package) -> None:
    stub = Path(package.__file__).with_suffix(".pyi").read_text()
    places = re.findall(r"^from (\S+) import (\w+) as (\w+)$", stub, re.M)
    assert len(places) >= 7
    own = {name for name in dir(package) if not name.startswith("_") and name not in vars(package)}
    assert own == {name for _, _, name in places}
    for module, name, offered in places:
        assert getattr(package, offered) is getattr(import_module(module), name)


def test_names_that_are_not_offered_are_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'simcvd' has no attribute 'nothing'"):
        simcvd.nothing  # noqa: B018
    with pytest.raises(ImportError):
        exec("from sweeps import nothing")


def test_importing_the_packages_imports_nothing_heavy() -> None:
    code = "import sys, simcvd, sweeps; print({'torch', 'ray', 'pydantic', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
