"""What holds for the package as a whole; each statistic has its own file."""

import doctest
import importlib
import pkgutil

import pytest

import analysis.statistics

MODULES = sorted(each.name for each in pkgutil.iter_modules(analysis.statistics.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"analysis.statistics.{name}"))
    assert found.failed == 0
    assert found.attempted or name in ("normality", "samples")


def test_public_names_are_sorted_and_there() -> None:
    names = analysis.statistics.__all__
    assert names == sorted(names)
    assert all(getattr(analysis.statistics, name).__doc__ for name in names if name != "Alternative")
