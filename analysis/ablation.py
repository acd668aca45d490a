"""The ablation table of a sweep: one row per variant and class, each difference tested against the reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.aggregate import FOREGROUND, Pairs, Scores, case_values, pair, score_trials, scores_of
from analysis.errors import AnalysisError
from analysis.metric import Metric, find_metric
from analysis.notes import notes
from analysis.records import read_cases, read_trials
from analysis.row import Row, Trials
from analysis.statistics import paired_t_test
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
    chosen = find_metric(metric or sweep.metric)
    base = _reference(sweep, reference)
    trials = read_trials(runs, sweep.trial_ids, ["trial_id", "status", "failure_kind"])
    finished = trials.loc[trials["status"] == "finished", "trial_id"].tolist()
    failed = trials[trials["status"] == "failed"]
    kinds = dict(zip(failed["trial_id"].tolist(), failed["failure_kind"].fillna("unknown").tolist(), strict=True))

    cases = read_cases(runs, finished, [*_CASE_COLUMNS, chosen.name])
    split = "test" if "test" in set(cases["split"]) or cases.empty else "val"
    cases = cases[cases["split"] == split]
    trial_scores = score_trials(cases, chosen.name)
    scores = {variant.name: scores_of(trial_scores, variant, finished) for variant in sweep.variants}
    fates = {v.name: _trials(v, set(finished), kinds, scores[v.name]) for v in sweep.variants}
    pairs = {name: pair(own, scores[base]) for name, own in scores.items() if base is not None and name != base}
    rows = tuple(_rows(scores, fates, pairs, trial_scores.classes, chosen, base))
    return Table(
        sweep=sweep.name,
        dataset=sweep.dataset,
        split=split,
        metric=chosen,
        reference=base,
        rows=rows,
        notes=tuple(notes(rows, pairs, chosen, split, base)),
    )


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
    pairs: dict[str, Pairs],
    classes: dict[int, str],
    metric: Metric,
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
                class_id=class_id,
                class_name=label,
                is_reference=name == reference,
                mean=float(there.mean()) if len(there) else None,
                sd=float(there.std(ddof=1)) if len(there) > 1 else None,
                n=len(there),
                cases=int(asked.any(axis=1).sum()),
                test=paired_t_test(*pairs[name].of(column), metric.alternative) if name in pairs else None,
                trials=fates[name],
                empty_cases=int(empty.any(axis=(0, 2)).sum()),
                empty_predictions=int(empty.sum()),
                predictions=int(scored.sum()),
                empty_labels=int((asked & ~own.present[:, part]).any(axis=1).sum()),
            )
