"""The scored reading of a sweep, which its tables, figures and report show: records read once, scored once.

One row per variant, class and metric, each difference tested against the reference, and the scores behind them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.comparison.aggregate import FOREGROUND, Scores, case_values, pair, score_trials, scores_of
from analysis.comparison.difference import Difference, adjusted, compare, pooled_seed_variance, untested
from analysis.comparison.learned import NOTHING_LEARNED, nothing_learned
from analysis.comparison.metric import Metric, find_metric
from analysis.comparison.notes import notes
from analysis.comparison.row import Compared, Row, Trials, standing_finder
from analysis.errors import AnalysisError
from analysis.runs.average_mask import read_average_mask
from analysis.runs.records import read_cases, read_trials
from analysis.runs.replicate import Replicate, counts, in_order
from analysis.runs.sweep import PlannedVariant, Sides, Sweep, hint, read_sweep
from analysis.runs.training_cases import COLUMNS as TRAINING_COLUMNS
from analysis.runs.training_cases import training_cases
from analysis.statistics import Alternative, Standing, t_interval

if TYPE_CHECKING:
    import pandas as pd

_CASE_COLUMNS: Final = (
    *("trial_id", "dataset", "split", "case_id", "class_id", "class_name"),
    *("reference_voxels", "empty_prediction", "empty_reference"),
)
"""What is needed of the case records beside the metrics."""

DICE: Final = "dice"
"""Metric that tells whether anything was learned."""

_TRIAL_COLUMNS: Final = ("trial_id", "status", "failure_kind", "seconds", *TRAINING_COLUMNS)


@dataclass(frozen=True)
class ScoredSweep:
    """A sweep with the scores of what has finished, in one or several metrics.

    Attributes:
        sweep: what was planned.
        split: `test`, or `val` for a data set without test cases.
        reference: the variant that the others are compared with, if any.
        sides: what the tests ask for.
        cases: case ids in rising order.
        classes: name of each foreground class by its id, in rising order.
        found: rows, pairs and scores of each metric, the sweep's own first; all have the same variants and classes in
            the same order.
        trials: the records of its trials, as far as they were read.
        stop: why no difference means anything, where nothing was learned; None elsewhere.
    """

    sweep: Sweep
    split: str
    reference: str | None
    sides: Sides
    cases: tuple[str, ...]
    classes: Mapping[int, str]
    found: tuple[Compared, ...]
    trials: "pd.DataFrame" = field(repr=False, compare=False)
    stop: str | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is compared."""
        return tuple(each.metric for each in self.found)

    @property
    def main(self) -> Compared:
        """The metric that the sweep is about; what does not depend on the metric is read here."""
        return self.found[0]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of the main metric: the foreground mean of all variants, then each class."""
        return self.main.rows

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """All that a reader must know beside `stop`, in sentences."""
        sweep = self.sweep
        return tuple(notes(self.found, self.split, self.reference, sweep.overrides, self.sides, sweep.replicates))

    def each(self) -> tuple["ScoredSweep", ...]:
        """Return each metric alone."""
        return tuple(replace(self, found=(own,)) for own in self.found)

    def lines_by_class(self) -> list[tuple[str, list[tuple[Row, ...]]]]:
        """Return the foreground mean, then each class where there are several; of each variant its rows by metric."""
        shown = [(None, "mean"), *(self.classes.items() if len(self.classes) > 1 else ())]
        lines = list(zip(*(each.rows for each in self.found), strict=True))
        return [(name, [line for line in lines if line[0].class_id == class_id]) for class_id, name in shown]


def score_sweep(
    runs: Path,
    sweep: Sweep | str,
    metrics: str | Sequence[str] | None = None,
    reference: str | None = None,
    *,
    sides: Sides | None = None,
    split: str | None = None,
    settings: bool = False,
) -> ScoredSweep:
    """Read and score what has finished so far of a sweep.

    Only finished trials count. A variant's mean takes every replicate it has (seed, or seed and label split); its
    comparison with the reference takes only the cases and replicates that both have, and the notes name what that
    leaves out.

    Args:
        runs: the runs folder.
        sweep: the sweep, or the name of its folder in `runs/sweeps`.
        metrics: one or several columns of the case records; None takes all that the sweep names.
        reference: name of the variant to compare with; None takes the sweep's.
        sides: what the tests ask for; None takes the sweep's.
        split: `test` or `val`; None takes `test`, or `val` for a data set without test cases.
        settings: whether to read the trials' records whole, with every setting.

    Raises:
        AnalysisError: no such sweep, metric or variant, a damaged record, or scores that can't be compared.
    """
    sweep = read_sweep(runs, sweep) if isinstance(sweep, str) else sweep
    names = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics or sweep.metrics))
    chosen = [find_metric(name) for name in names]
    base = choose_reference(sweep, reference)
    trials = read_trials(runs, sweep.trial_ids, None if settings else _TRIAL_COLUMNS)
    cases = read_cases(runs, _finished(trials), [*_CASE_COLUMNS, *dict.fromkeys([*names, DICE])])
    average = read_average_mask(runs, sweep.name)
    if split is None:
        split = "test" if "test" in set(cases["split"]) or cases.empty else "val"
    own, sides = cases[cases["split"] == split], sides or sweep.sides
    return score(sweep, trials, own, split, chosen, base, sides, None if average is None else average.dice)


def score(
    sweep: Sweep,
    trials: "pd.DataFrame",
    cases: "pd.DataFrame",
    split: str,
    metrics: Sequence[Metric],
    reference: str | None,
    sides: Sides = "two-sided",
    average: Mapping[str, float] | None = None,
) -> ScoredSweep:
    """Score rows of cases.

    Args:
        sweep: what was planned.
        trials: records of its trials: `trial_id`, `status` and `failure_kind` at least.
        cases: the columns of case records that name and describe a case, and one for each metric; rows of one split.
        split: what to call the cases.
        metrics: what to compare.
        reference: the variant that the others are compared with, if any.
        sides: as for `score_sweep`.
        average: Dice of the average mask by case, where that was measured.

    Raises:
        AnalysisError: scores that can't be compared.
    """
    finished = _finished(trials)
    names = [metric.name for metric in metrics]
    trial_scores = score_trials(cases, [*names, *([DICE] if DICE in cases and DICE not in names else [])])
    stop = None
    if DICE in trial_scores:
        dice = {variant.name: scores_of(trial_scores[DICE], variant, finished) for variant in sweep.variants}
        stop = nothing_learned(dice, reference, average or {})
    found = []
    for metric in metrics:
        of_trials = trial_scores[metric.name]
        scores = {variant.name: scores_of(of_trials, variant, finished) for variant in sweep.variants}
        others = [name for name in scores if reference is not None and name != reference]
        pairs = {name: pair(scores[name], scores[str(reference)]) for name in others}
        pooled = pooled_seed_variance(list(scores.values())) if pairs else []
        side: Alternative = "different" if sides == "two-sided" else metric.alternative
        differences, apart = {}, {}
        for column in (*range(len(of_trials.classes)), FOREGROUND):
            known = pooled[column] if pooled else None
            apart[column] = () if known is None else tuple(list(scores)[place] for place in known.apart)
            family = {
                name: compare(own, column, side, None if {name, reference} & set(apart[column]) else known)
                for name, own in pairs.items()
            }
            differences[column] = _tested(family, stop)
        find = standing_finder(scores, metric, reference) if stop is None else lambda variant, column: None
        rows = tuple(_rows(sweep, trials, scores, differences, reference, find))
        found.append(Compared(metric, rows, pairs, scores, apart[FOREGROUND] if stop is None else ()))
    any_scores = trial_scores[metrics[0].name]
    return ScoredSweep(sweep, split, reference, sides, any_scores.cases, any_scores.classes, tuple(found), trials, stop)


def choose_reference(sweep: Sweep, asked: str | None) -> str | None:
    """Return the variant to compare with: the one asked for, else the sweep's.

    Raises:
        AnalysisError: the sweep has no such variant.
    """
    names = [variant.name for variant in sweep.variants]
    if asked is not None and asked not in names:
        raise AnalysisError(
            f"The sweep {sweep.name} has no variant '{asked}'{hint(asked, names)}; variants are {', '.join(names)}."
        )
    return asked or sweep.reference


def _without_value(scores: Scores[Replicate], part: slice) -> tuple[Replicate, ...]:
    """Return the replicates that were scored, but have no value of the metric in any case and class."""
    import numpy as np

    none = np.isnan(scores.values[:, :, part]).all(axis=(1, 2)) & scores.scored[:, :, part].any(axis=(1, 2))
    return tuple(scores.runs[place] for place in np.flatnonzero(none).tolist())


def _tested(family: Mapping[str, Difference], stop: str | None) -> dict[str, Difference]:
    """Adjust a family of comparisons, or take their p-values away where nothing was learned."""
    if stop is None:
        return adjusted(family)
    return {name: untested(each, NOTHING_LEARNED) for name, each in family.items()}


def _finished(trials: "pd.DataFrame") -> list[str]:
    finished: list[str] = trials.loc[trials["status"] == "finished", "trial_id"].tolist()
    return finished


def _trials(sweep: Sweep, trials: "pd.DataFrame", scores: Mapping[str, Scores[Replicate]]) -> dict[str, Trials]:
    """Return what became of each variant's trials."""
    finished = set(_finished(trials))
    failed = trials[trials["status"] == "failed"]
    kinds = dict(zip(failed["trial_id"].tolist(), failed["failure_kind"].fillna("unknown").tolist(), strict=True))

    def of(variant: PlannedVariant) -> Trials:
        replicates = in_order(replicate for replicate, trial in variant.trials.items() if trial in finished)
        return Trials(
            planned=len(variant.trials),
            replicates=replicates,
            unscored=tuple(each for each in replicates if each not in scores[variant.name].runs),
            failed=tuple(kinds[trial] for trial in variant.trials.values() if trial in kinds),
            splits=counts(variant.trials)[1],
        )

    return {variant.name: of(variant) for variant in sweep.variants}


def _rows(
    sweep: Sweep,
    records: "pd.DataFrame",
    scores: Mapping[str, Scores[Replicate]],
    differences: Mapping[int, Mapping[str, Difference]],
    reference: str | None,
    find: Callable[[str, int], Standing | None],
) -> Iterator[Row]:
    import numpy as np

    values = {name: case_values(own) for name, own in scores.items()}
    trials = _trials(sweep, records, scores)
    training = training_cases(sweep, records)
    classes = next(iter(scores.values())).classes
    everything = (None, "mean", FOREGROUND, slice(None))
    each = [(class_id, label, k, slice(k, k + 1)) for k, (class_id, label) in enumerate(classes.items())]
    for class_id, label, column, part in [everything, *each]:
        for variant in sweep.variants:
            name, own = variant.name, scores[variant.name]
            there = values[name][:, column]
            there = there[there == there]
            scored, empty = own.scored[:, :, part], own.empty[:, :, part]
            asked = np.logical_or.reduce(scored, axis=0)
            yield Row(
                variant=name,
                group=variant.group,
                published=variant.published,
                training=training[name],
                class_id=class_id,
                class_name=label,
                is_reference=name == reference,
                mean=float(there.mean()) if len(there) else None,
                sd=float(there.std(ddof=1)) if len(there) > 1 else None,
                interval=t_interval(there),
                n=len(there),
                cases=int(asked.any(axis=1).sum()),
                difference=differences[column].get(name),
                trials=trials[name],
                empty_cases=int(empty.any(axis=(0, 2)).sum()),
                empty_predictions=int(empty.sum()),
                predictions=int(scored.sum()),
                empty_labels=int((asked & ~own.present[:, part]).any(axis=1).sum()),
                without_value=_without_value(own, part),
                find_standing=partial(find, name, column),
            )
