"""What holds for the package as a whole; each statistic has its own file."""

import doctest
import importlib
import subprocess
import sys

import pytest

import analysis.statistics

MODULES = (
    *("aa", "components", "crossed", "doubts", "effect_size", "families", "hierarchical", "intervals"),
    *("noncentral", "normality", "paired", "power", "samples", "signed_rank"),
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"analysis.statistics.{name}"))
    assert found.failed == 0
    assert found.attempted or name in ("hierarchical", "normality", "samples")


def test_public_names_are_sorted_and_there() -> None:
    names = analysis.statistics.__all__
    assert names == sorted(names)
    assert all(getattr(analysis.statistics, name).__doc__ for name in names if name != "Alternative")


def test_import_loads_neither_numpy_nor_scipy() -> None:
    asked = (
        "import sys, analysis.statistics; print([name for name in ('numpy', 'scipy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
