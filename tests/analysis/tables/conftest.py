"""Tables that many tests read, each scored once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from analysis.comparison.scored_sweep import ScoredSweep
from analysis.tables import Style, Table, ablation_table, make_sheet, overview
from tests.analysis.made_runs import write_toy_sweep
from tests.analysis.made_sweeps import (
    ALSO,
    DROPOUT,
    ODD_METRICS,
    REFERENCE,
    dropout_variants,
    method_variants,
    odd_variants,
)


@pytest.fixture(scope="session")
def dropout(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A sweep of dropout in Dice: one trial failed, one is open."""
    runs = write_toy_sweep(tmp_path_factory.mktemp("dropout"), dropout_variants(), DROPOUT)
    return ablation_table(runs, "toy")


@pytest.fixture(scope="session")
def methods_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return the runs folder of a sweep of three methods with so many classes; to read only."""

    @cache
    def written(classes: int) -> Path:
        return write_toy_sweep(
            tmp_path_factory.mktemp("methods"), method_variants(classes=classes), REFERENCE, also=ALSO
        )

    return written


@pytest.fixture(scope="session")
def methods(methods_runs: Callable[[int], Path]) -> Callable[..., Table]:
    """Return the table of three methods in four metrics, with so many classes."""

    @cache
    def scored(classes: int = 1) -> Table:
        return overview(methods_runs(classes), "toy")

    return scored


@pytest.fixture(scope="session")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Table]:
    """Return the same where one trial failed and one is open."""

    @cache
    def scored(classes: int) -> Table:
        given = method_variants(classes=classes)
        given["Supervised (upper bound)"][1] = "nan"
        given["DAN"][2] = None
        return overview(write_toy_sweep(tmp_path_factory.mktemp("lossy"), given, REFERENCE, also=ALSO), "toy")

    return scored


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Table]:
    """Return the table of four variants with odd names and a reference; one variant lost a trial."""

    @cache
    def scored(classes: int, metrics: tuple[str, ...]) -> ScoredSweep:
        runs = write_toy_sweep(tmp_path_factory.mktemp("odd"), odd_variants(classes), also=("hd95_mm",))
        (source,) = overview(runs, "toy", metrics=metrics).sources
        return source

    def table(classes: int = 1, metrics: tuple[str, ...] = ODD_METRICS, style: Style = Style()) -> Table:  # noqa: B008 (frozen)
        return make_sheet([scored(classes, metrics)], style)

    return table
