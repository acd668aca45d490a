"""The ablation table of a sweep: one row per variant and class, each difference tested against the reference.

A sweep of several metrics has a table for each, and an overview that holds them side by side.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.comparison.aggregate import FOREGROUND, Scores, case_values, pair, score_trials, scores_of
from analysis.comparison.difference import Difference, adjusted, compare, pooled_seed_variance
from analysis.comparison.metric import Metric, find_metric
from analysis.comparison.notes import notes
from analysis.comparison.row import Compared, Row, Trials
from analysis.errors import AnalysisError
from analysis.runs.records import read_cases, read_trials
from analysis.runs.replicate import Replicate, counts, in_order
from analysis.runs.sweep import Sweep, Variant, hint, read_sweep
from analysis.runs.training_cases import COLUMNS as TRAINING_COLUMNS
from analysis.runs.training_cases import TrainingCases, training_cases
from analysis.statistics import Alternative, t_interval

if TYPE_CHECKING:
    import pandas as pd

CASE_COLUMNS: Final = (
    *("trial_id", "dataset", "split", "case_id", "class_id", "class_name"),
    *("reference_voxels", "empty_prediction", "empty_reference"),
)
"""What the tables need of the case records beside the metrics."""


@dataclass(frozen=True)
class Fates:
    """What became of the trials of a sweep.

    Attributes:
        finished: ids of those that finished.
        failed: failure kind of those that failed, by id.
        training: cases that each variant was trained on.
    """

    finished: tuple[str, ...]
    failed: Mapping[str, str]
    training: Mapping[str, TrainingCases]


@dataclass(frozen=True)
class Table:
    """An ablation table as a value; `analysis.tables` renders it.

    Attributes:
        sweep: the sweep's name.
        dataset: the data set's name.
        split: `test`, or `val` for a data set without test cases.
        metric: what is compared.
        reference: the variant that the others are compared with, if any.
        rows: the foreground mean of all variants, then each class.
        notes: all that a reader must know, in sentences.
        published: key of the published table that belongs to the sweep, if any.
    """

    sweep: str
    dataset: str
    split: str
    metric: Metric
    reference: str | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    published: str | None = None

    def blocks(self) -> list[tuple[Row, ...]]:
        """Group the rows by class, the foreground mean first; it alone where there is one class."""
        ids: list[int | None] = list(dict.fromkeys(row.class_id for row in self.rows))
        shown = ids[:1] if len(ids) == 2 else ids
        return [tuple(row for row in self.rows if row.class_id == class_id) for class_id in shown]


@dataclass(frozen=True)
class Overview:
    """The tables of several metrics, to be shown as one; `analysis.tables` renders it.

    Attributes:
        tables: one a metric, the sweep's own first; they have the same variants and classes in the same order.
        notes: all that a reader must know about all of them, in sentences.
    """

    tables: tuple[Table, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> Table:
        """The table of the metric that the sweep is about; what does not depend on the metric is read here."""
        return self.tables[0]

    def blocks(self) -> list[list[tuple[Row, ...]]]:
        """Group the rows by class as `Table.blocks` does; each block has one row a variant: its rows of all metrics."""
        by_metric = [table.blocks() for table in self.tables]
        return [list(zip(*blocks, strict=True)) for blocks in zip(*by_metric, strict=True)]


def ablation_table(
    runs: Path,
    sweep_name: str,
    metric: str | None = None,
    reference: str | None = None,
    *,
    two_sided: bool = False,
    split: str | None = None,
) -> Table:
    """Build the ablation table of `runs/sweeps/sweep_name` from what has finished so far.

    Only finished trials count. A variant's mean takes every replicate it has (seed, or seed and label split); its
    comparison with the reference takes only the cases and replicates that both have, and the notes name what that
    leaves out.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        metric: a column of the case records; None takes the sweep's.
        reference: name of the variant to compare with; None takes the sweep's.
        two_sided: whether to hold "different" against "no difference", not "the reference is better".
        split: `test` or `val`; None takes `test`, or `val` for a data set without test cases.

    Raises:
        AnalysisError: no such sweep, metric or variant, a damaged record, or scores that can't be compared.
    """
    sweep = read_sweep(runs, sweep_name)
    return _read(runs, sweep, [metric or sweep.metric], reference, two_sided, split).main


def overview(
    runs: Path,
    sweep_name: str,
    reference: str | None = None,
    metrics: Sequence[str] | None = None,
    *,
    two_sided: bool = False,
) -> Overview:
    """Build the tables of several metrics of `runs/sweeps/sweep_name`; the records are read once.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        reference: name of the variant to compare with; None takes the sweep's.
        metrics: columns of the case records; None takes all that the sweep names.
        two_sided: as for `ablation_table`.

    Raises:
        AnalysisError: as `ablation_table`.
    """
    sweep = read_sweep(runs, sweep_name)
    return _read(runs, sweep, metrics or sweep.metrics, reference, two_sided)


def _read(
    runs: Path,
    sweep: Sweep,
    metrics: Sequence[str],
    reference: str | None,
    two_sided: bool,
    split: str | None = None,
) -> Overview:
    chosen = [find_metric(name) for name in metrics]
    base = choose_reference(sweep, reference)
    trials = read_trials(runs, sweep.trial_ids, ["trial_id", "status", "failure_kind", *TRAINING_COLUMNS])
    failed = trials[trials["status"] == "failed"]
    fates = Fates(
        finished=tuple(trials.loc[trials["status"] == "finished", "trial_id"].tolist()),
        failed=dict(zip(failed["trial_id"].tolist(), failed["failure_kind"].fillna("unknown").tolist(), strict=True)),
        training=training_cases(sweep, trials),
    )
    cases = read_cases(runs, fates.finished, [*CASE_COLUMNS, *metrics])
    if split is None:
        split = "test" if "test" in set(cases["split"]) or cases.empty else "val"
    return tabulate(sweep, cases[cases["split"] == split], fates, split, chosen, base, two_sided)


def tabulate(
    sweep: Sweep,
    cases: "pd.DataFrame",
    fates: Fates,
    split: str,
    metrics: Sequence[Metric],
    reference: str | None,
    two_sided: bool = False,
) -> Overview:
    """Build the tables of some metrics from rows of scores.

    Args:
        sweep: what was planned.
        cases: `CASE_COLUMNS` and a column for each metric; rows of one split.
        fates: what became of the trials.
        split: what to call the cases.
        metrics: what to compare.
        reference: the variant that the others are compared with, if any.
        two_sided: as for `ablation_table`.

    Raises:
        AnalysisError: scores that can't be compared.
    """
    trial_scores = score_trials(cases, [metric.name for metric in metrics])
    found: list[Compared] = []
    for metric in metrics:
        of_trials = trial_scores[metric.name]
        scores = {variant.name: scores_of(of_trials, variant, fates.finished) for variant in sweep.variants}
        others = [name for name in scores if reference is not None and name != reference]
        pairs = {name: pair(scores[name], scores[str(reference)]) for name in others}
        pooled = pooled_seed_variance(scores.values()) if pairs else []
        side: Alternative = "different" if two_sided else metric.alternative
        differences = {
            column: adjusted(
                {name: compare(own, column, side, pooled[column] if pooled else None) for name, own in pairs.items()}
            )
            for column in (*range(len(of_trials.classes)), FOREGROUND)
        }
        rows = tuple(_rows(sweep, scores, fates, differences, of_trials.classes, reference))
        found.append(Compared(metric, rows, pairs))

    def told(shown: Sequence[Compared]) -> tuple[str, ...]:
        return tuple(notes(shown, split, reference, sweep.overrides, two_sided, sweep.replicates))

    tables = [
        Table(sweep.name, sweep.dataset, split, each.metric, reference, tuple(each.rows), told([each]), sweep.published)
        for each in found
    ]
    return Overview(tuple(tables), told(found))


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


def _trials(variant: Variant, fates: Fates, scores: Scores[Replicate]) -> Trials:
    finished, kinds = set(fates.finished), fates.failed
    replicates = in_order(replicate for replicate, trial in variant.trials.items() if trial in finished)
    return Trials(
        planned=len(variant.trials),
        replicates=replicates,
        unscored=tuple(each for each in replicates if each not in scores.runs),
        failed=tuple(kinds[trial] for trial in variant.trials.values() if trial in kinds),
        splits=counts(variant.trials)[1],
    )


def _rows(
    sweep: Sweep,
    scores: dict[str, Scores[Replicate]],
    fates: Fates,
    differences: dict[int, dict[str, Difference]],
    classes: dict[int, str],
    reference: str | None,
) -> Iterator[Row]:
    import numpy as np

    values = {name: case_values(own) for name, own in scores.items()}
    trials = {variant.name: _trials(variant, fates, scores[variant.name]) for variant in sweep.variants}
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
                training=fates.training.get(name, TrainingCases()),
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
            )
