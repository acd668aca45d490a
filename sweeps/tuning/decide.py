"""What the records of the stages say: the best method, the best settings, whether anything was learned."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import SIGNIFICANT
from analysis.runs.sweep import read_search, read_sweep
from analysis.statistics import paired_t_test
from simcvd.config.settings import DataConfig
from simcvd.data.average_mask import average_mask_dice
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.training_cases import fold_parts, training_cases
from sweeps.search.rungs import BASE_NUMBER, by_case, case_means, mean
from sweeps.search.trial import val_scores
from sweeps.status.trial import is_finished, is_validated

FEWEST_CASES: Final = 5
"""Cases from which a test tells whether a network is better than the average mask; with fewer only the mean does."""


@dataclass(frozen=True)
class Learned:
    """A network against a mask that never looks at the image, on the same cases.

    Attributes:
        network: mean Dice of the network.
        average: mean Dice of the average mask.
        cases: how many.
        p: of the one-sided paired t-test that the network is better; None with fewer than `FEWEST_CASES`.
    """

    network: float
    average: float
    cases: int
    p: float | None

    @property
    def anything(self) -> bool:
        """Whether the network is better."""
        return self.network > self.average and (self.p is None or self.p < SIGNIFICANT)

    def sentence(self, who: str) -> str:
        """Return what is to be said where nothing was learned."""
        p = "" if self.p is None else f", p = {self.p:.2f}"
        return (
            f"STOP: nothing was learned. {who} reaches Dice {100 * self.network:.1f} % on {self.cases} cases; one mask "
            f"for all of them, the average of the labelled cases, reaches {100 * self.average:.1f} %{p}. Look at the "
            "labels (simcvd inspect), train longer (training.steps), or label more cases."
        )


def baseline_scores(runs: Path, name: str, methods: Sequence[str], metric: str) -> dict[str, dict[str, float]]:
    """Return the score of each case by method, over all its folds; methods without a finished training are left out.

    Args:
        runs: the runs folder.
        name: of the baseline's sweep.
        methods: those that were compared.
        metric: `dice` or `jaccard`.
    """
    found = {}
    variants = read_sweep(runs, name).variants
    for method in methods:
        own = [variant for variant in variants if variant.settings["method"] == method]
        trials = [trial for variant in own for trial in variant.trials.values()]
        if trials and all(is_validated(runs, trial) or is_finished(runs, trial) for trial in trials):
            found[method] = case_means(val_scores(runs, trial, metric) for trial in trials)
    return found


def best_method(scores: Mapping[str, Mapping[str, float]], methods: Sequence[str]) -> str:
    """Return the method with the highest mean; the first of equal ones, and the first where none was scored."""
    scored = [method for method in methods if scores.get(method)]
    return max(scored, key=lambda method: mean(scores[method]), default=methods[0])


def best_settings(runs: Path, name: str, own: Mapping[str, object]) -> tuple[dict[str, object] | None, float | None]:
    """Return the best settings of a search and their gain on what chose them; None where the default was best.

    Args:
        runs: the runs folder.
        name: of the search's sweep.
        own: the default's values of what is searched.
    """
    section = read_search(runs, name)
    best = None if section is None else section.best
    if section is None or best is None or best.number == BASE_NUMBER or dict(best.set) == dict(own):
        return None, None
    base = section.base
    if base is not None and best.value <= base.value:
        return None, None
    return dict(best.set), None if base is None else best.value - base.value


def average_masks(
    dataset: Path, info: DatasetInfo, data: DataConfig, cases: Iterable[str], folds: int
) -> dict[str, float]:
    """Return the Dice that the average mask of the labelled cases reaches; a held-out case has no part in its average.

    Args:
        dataset: the data set folder.
        info: what it holds.
        data: which cases are labelled.
        cases: those to score.
        folds: into which the labelled cases are divided; 0 where none of them is scored.
    """
    labeled = training_cases(info, data).labeled
    wanted, found = set(cases), dict[str, float]()
    for part in fold_parts(info, data, folds) if folds else ():
        others = [case for case in labeled if case not in part]
        found |= average_mask_dice(dataset, others, sorted(part & wanted), len(info.classes))
    return found | average_mask_dice(dataset, labeled, sorted(wanted - set(labeled)), len(info.classes))


def learned(network: Mapping[str, float], average: Mapping[str, float]) -> Learned | None:
    """Compare a network with the average mask, Dice by case, each the mean over classes; None without common cases."""
    both = sorted(average.keys() & network.keys())
    if not both:
        return None
    own, other = [network[case] for case in both], [average[case] for case in both]
    p = paired_t_test(own, other, "reference lower").p if len(both) >= FEWEST_CASES else None
    return Learned(math.fsum(own) / len(both), math.fsum(other) / len(both), len(both), p)


def scores_of_cases(runs: Path, trials: Sequence[str], split: str) -> dict[str, float]:
    """Return the Dice of each case, the mean over classes and trials.

    Args:
        runs: the runs folder.
        trials: finished ones.
        split: `test` or `val`.
    """
    from analysis.runs.records import read_cases

    frame = read_cases(runs, list(trials), ["trial_id", "split", "case_id", "dice"])
    own = frame[frame["split"] == split]
    return by_case(zip(own["case_id"].tolist(), own["dice"].tolist(), strict=True))


def finished_trials(scored: ScoredSweep, variant: str) -> list[str]:
    """Return the ids of a variant's finished trials, by seed."""
    (own,) = [each for each in scored.sweep.variants if each.name == variant]
    row = next(row for row in scored.rows if row.variant == variant)
    return [own.trials[replicate] for replicate in row.trials.replicates]
