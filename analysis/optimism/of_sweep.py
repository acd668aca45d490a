"""The optimism of a sweep's trials, read from its logs and records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import DICE, ScoredSweep, score_sweep
from analysis.errors import AnalysisError
from analysis.optimism.measure import LeftOut, VariantOptimism, measure_variant
from analysis.runs.records import read_cases
from analysis.runs.training_log import read_training_logs

ASK: Final = "--set training.validate_every_steps=100"
"""What makes a trial score its val cases on its way."""


@dataclass(frozen=True)
class SweepOptimism:
    """A sweep's result beside what choosing a checkpoint adds.

    Attributes:
        scored: the sweep, scored in Dice with the weights after the last step.
        variants: its variants, in the order of the sweep file.
    """

    scored: ScoredSweep
    variants: tuple[VariantOptimism, ...]

    @property
    def lines(self) -> list[tuple[Row, VariantOptimism]]:
        """Each variant's result (mean of the foreground classes) and optimism."""
        return list(zip(self.scored.main.means, self.variants, strict=True))


def optimism_of_sweep(runs: Path, name: str) -> SweepOptimism:
    """Measure what choosing the best checkpoint adds to what has finished of a sweep.

    Args:
        runs: the runs folder.
        name: folder of the sweep in `runs/sweeps`.

    Raises:
        AnalysisError: as `score_sweep` and `read_training_log`, or no finished trial has two validations.
    """
    scored = score_sweep(runs, name, DICE)
    trials = scored.trials
    finished = set(trials.loc[trials["status"] == "finished", "trial_id"].tolist())
    cases = read_cases(runs, finished, ["trial_id", "split", "case_id"])
    counts = cases[cases["split"] == "val"].groupby("trial_id")["case_id"].nunique()
    val_cases = {str(trial): int(count) for trial, count in counts.items()}
    variants = tuple(
        measure_variant(variant, read_training_logs(runs, variant), finished, val_cases)
        for variant in scored.sweep.variants
    )
    if not any(own.choices for own in variants):
        raise AnalysisError(_nothing_measured(name, {why for own in variants for why in own.left_out.values()}))
    return SweepOptimism(scored, variants)


def _nothing_measured(name: str, reasons: set[LeftOut]) -> str:
    """Say why there is nothing to measure, what lies nearest to a measurement first."""
    if LeftOut.once in reasons:
        return (
            f"No finished trial of the sweep {name} was scored on val cases before its last step, so there is nothing "
            f"to choose from; run the sweep again with `{ASK}` or another number below training.steps (these are new "
            "trainings, since the setting is part of what a trial is)."
        )
    if LeftOut.no_end in reasons or LeftOut.no_log in reasons:
        return (
            f"No log of a finished trial of the sweep {name} has a val Dice after the last step; "
            "give a runs folder with the log.jsonl of its trials."
        )
    if LeftOut.no_cases in reasons:
        return (
            f"No finished trial of the sweep {name} was scored on val cases, where the optimism is measured; prepare "
            f"the data set with some (`--val`), and run the sweep with `{ASK}`."
        )
    return f"No trial of the sweep {name} has finished yet; wait for one, `simcvd status` tells how far they are."
