from collections.abc import Callable
from pathlib import Path

from analysis.comparison.row import Trials
from analysis.comparison.scored_sweep import score_sweep
from analysis.runs.replicate import Replicate
from tests.analysis.made_sweeps import method_variants


def test_a_trial_that_neither_finished_nor_failed_is_unfinished() -> None:
    assert Trials(7, (Replicate(0), Replicate(1)), (Replicate(1),), ("nan",) * 3).unfinished == 2


def test_the_foreground_means_are_one_a_variant_without_the_classes(write_sweep: Callable[..., Path]) -> None:
    compared = score_sweep(write_sweep(method_variants([0], classes=2), "SimCVD"), "toy").main
    assert [row.variant for row in compared.means] == ["Supervised (upper bound)", "DAN", "SimCVD"]
    assert {row.class_name for row in compared.means} == {"mean"}
    assert len(compared.rows) == 3 * 3
