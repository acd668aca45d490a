"""The ablation table of a sweep: one row per variant and class, each difference tested against the reference.

A sweep of several metrics has a table for each, and an overview that holds them side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.aggregate import FOREGROUND, Scores, case_values, pair, score_trials, scores_of
from analysis.difference import Difference, adjusted, compare, pooled_seed_variance
from analysis.errors import AnalysisError
from analysis.metric import Metric, find_metric
from analysis.notes import Compared, notes
from analysis.records import read_cases, read_trials
from analysis.row import Row, Trials
from analysis.statistics import t_interval
from analysis.sweep import Sweep, Variant, hint, read_sweep

_CASE_COLUMNS: Final = (
    *("trial_id", "dataset", "split", "case_id", "class_id", "class_name"),
    *("reference_voxels", "empty_prediction", "empty_reference"),
)


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
    """

    sweep: str
    dataset: str
    split: str
    metric: Metric
    reference: str | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def blocks(self) -> list[tuple[Row, ...]]:
        """Group the rows by class, the foreground mean first; it alone where there is one class."""
        ids: list[int | None] = list(dict.fromkeys(row.class_id for row in self.rows))
        shown = ids[:1] if len(ids) == 2 else ids
        return [tuple(row for row in self.rows if row.class_id == class_id) for class_id in shown]


@dataclass(frozen=True)
class Overview:
    """The tables of several metrics, to be shown as one; `analysis.overview` renders it.

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


def ablation_table(runs: Path, sweep_name: str, metric: str | None = None, reference: str | None = None) -> Table:
    """Build the ablation table of `runs/sweeps/sweep_name` from what has finished so far.

    Only finished trials count. A variant's mean takes every seed it has; its comparison with the reference takes only
    the cases and seeds that both have, and the notes name what that leaves out.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        metric: a column of the case records; None takes the sweep's.
        reference: name of the variant to compare with; None takes the sweep's.

    Raises:
        AnalysisError: no such sweep, metric or variant, a damaged record, or scores that can't be compared.
    """
    sweep = read_sweep(runs, sweep_name)
    return _compare(runs, sweep, [metric or sweep.metric], reference).main


def overview(runs: Path, sweep_name: str, reference: str | None = None) -> Overview:
    """Build the tables of all metrics that `runs/sweeps/sweep_name` names; the records are read once.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        reference: name of the variant to compare with; None takes the sweep's.

    Raises:
        AnalysisError: as `ablation_table`.
    """
    sweep = read_sweep(runs, sweep_name)
    return _compare(runs, sweep, sweep.metrics, reference)


def _compare(runs: Path, sweep: Sweep, metrics: Sequence[str], reference: str | None) -> Overview:
    chosen = [find_metric(name) for name in metrics]
    base = _reference(sweep, reference)
    trials = read_trials(runs, sweep.trial_ids, ["trial_id", "status", "failure_kind"])
    finished = trials.loc[trials["status"] == "finished", "trial_id"].tolist()
    failed = trials[trials["status"] == "failed"]
    kinds = dict(zip(failed["trial_id"].tolist(), failed["failure_kind"].fillna("unknown").tolist(), strict=True))

    cases = read_cases(runs, finished, [*_CASE_COLUMNS, *metrics])
    split = "test" if "test" in set(cases["split"]) or cases.empty else "val"
    cases = cases[cases["split"] == split]
    trial_scores = score_trials(cases, metrics)
    groups = {variant.name: variant.group for variant in sweep.variants}
    found: list[Compared] = []
    for metric in chosen:
        of_trials = trial_scores[metric.name]
        scores = {variant.name: scores_of(of_trials, variant, finished) for variant in sweep.variants}
        fates = {v.name: _trials(v, set(finished), kinds, scores[v.name]) for v in sweep.variants}
        pairs = {name: pair(own, scores[base]) for name, own in scores.items() if base is not None and name != base}
        pooled = pooled_seed_variance(scores.values()) if pairs else []
        columns = (*range(len(of_trials.classes)), FOREGROUND)
        differences = {
            column: adjusted(
                {
                    name: compare(own, column, metric.alternative, pooled[column] if pooled else None)
                    for name, own in pairs.items()
                }
            )
            for column in columns
        }
        rows = tuple(_rows(scores, fates, groups, differences, of_trials.classes, base))
        found.append(Compared(metric, rows, pairs))
    tables = [
        Table(
            sweep=sweep.name,
            dataset=sweep.dataset,
            split=split,
            metric=each.metric,
            reference=base,
            rows=tuple(each.rows),
            notes=tuple(notes([each], split, base, sweep.overrides)),
        )
        for each in found
    ]
    return Overview(tuple(tables), tuple(notes(found, split, base, sweep.overrides)))


def _reference(sweep: Sweep, asked: str | None) -> str | None:
    names = [variant.name for variant in sweep.variants]
    if asked is not None and asked not in names:
        raise AnalysisError(
            f"The sweep {sweep.name} has no variant '{asked}'{hint(asked, names)}; variants are {', '.join(names)}."
        )
    return asked or sweep.reference


def _trials(variant: Variant, finished: set[str], kinds: dict[str, str], scores: Scores[int]) -> Trials:
    seeds = tuple(sorted(seed for seed, trial in variant.trials.items() if trial in finished))
    return Trials(
        planned=len(variant.trials),
        seeds=seeds,
        unscored=tuple(seed for seed in seeds if seed not in scores.runs),
        failed=tuple(kinds[trial] for trial in variant.trials.values() if trial in kinds),
    )


def _rows(
    scores: dict[str, Scores[int]],
    fates: dict[str, Trials],
    groups: dict[str, str | None],
    differences: dict[int, dict[str, Difference]],
    classes: dict[int, str],
    reference: str | None,
) -> Iterator[Row]:
    import numpy as np

    values = {name: case_values(own) for name, own in scores.items()}
    everything = (None, "mean", FOREGROUND, slice(None))
    each = [(class_id, label, k, slice(k, k + 1)) for k, (class_id, label) in enumerate(classes.items())]
    for class_id, label, column, part in [everything, *each]:
        for name, own in scores.items():
            there = values[name][:, column]
            there = there[there == there]
            scored, empty = own.scored[:, :, part], own.empty[:, :, part]
            asked = np.logical_or.reduce(scored, axis=0)
            yield Row(
                variant=name,
                group=groups[name],
                class_id=class_id,
                class_name=label,
                is_reference=name == reference,
                mean=float(there.mean()) if len(there) else None,
                sd=float(there.std(ddof=1)) if len(there) > 1 else None,
                interval=t_interval(there),
                n=len(there),
                cases=int(asked.any(axis=1).sum()),
                difference=differences[column].get(name),
                trials=fates[name],
                empty_cases=int(empty.any(axis=(0, 2)).sum()),
                empty_predictions=int(empty.sum()),
                predictions=int(scored.sum()),
                empty_labels=int((asked & ~own.present[:, part]).any(axis=1).sum()),
            )
