"""What the records of the stages say: the best method, the best settings, and what the average mask scores."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from analysis.comparison.scored_sweep import ScoredSweep
from analysis.runs.sweep import read_search, read_sweep
from simcvd.config.settings import DataConfig
from simcvd.data.average_mask import average_mask_dice
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.training_cases import fold_parts, training_cases
from sweeps.search.rungs import BASE_NUMBER, by_case, case_means, mean
from sweeps.search.trial import val_scores
from sweeps.status.trial import is_finished, is_validated


def baseline_scores(runs: Path, name: str, methods: Sequence[str], metric: str) -> dict[str, dict[str, float]]:
    """Return the score of each case by method, over all its folds; methods without a finished training are left out.

    Args:
        runs: the runs folder.
        name: of the baseline's sweep.
        methods: those that were compared.
        metric: `dice` or `jaccard`.
    """
    found = {}
    for method in methods:
        trials, done = baseline_trials(runs, name, method)
        if trials and trials == done:
            found[method] = case_means(val_scores(runs, trial, metric) for trial in trials)
    return found


def baseline_trials(runs: Path, name: str, method: str) -> tuple[list[str], list[str]]:
    """Return the ids of a method's trials in the baseline's sweep, one a fold, and those of them that are done."""
    own = [variant for variant in read_sweep(runs, name).variants if variant.settings["method"] == method]
    trials = [trial for variant in own for trial in variant.trials.values()]
    return trials, [trial for trial in trials if is_validated(runs, trial) or is_finished(runs, trial)]


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
