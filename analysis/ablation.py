"""The ablation table of a sweep: one row per variant and class, each difference tested against the reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.aggregate import FOREGROUND, Pairs, case_table, check_cases, pair, scores_of
from analysis.errors import AnalysisError
from analysis.metric import Metric, find_metric
from analysis.notes import notes
from analysis.records import read_cases, read_trials
from analysis.row import Row, Trials
from analysis.statistics import paired_t_test
from analysis.sweep import Sweep, Variant, hint, read_sweep

if TYPE_CHECKING:
    import pandas as pd

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
    check_cases(cases)
    scores = {variant.name: scores_of(cases, variant, finished) for variant in sweep.variants}
    fates = {v.name: _trials(v, set(finished), kinds, scores[v.name]) for v in sweep.variants}
    pairs = {
        name: pair(own, scores[base], chosen.name) for name, own in scores.items() if base is not None and name != base
    }
    classes = cases[["class_id", "class_name"]].drop_duplicates("class_id").sort_values("class_id")
    names = dict(zip(classes["class_id"].tolist(), classes["class_name"].tolist(), strict=True))
    rows = tuple(_rows(scores, fates, pairs, names, chosen, base))
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


def _trials(variant: Variant, finished: set[str], kinds: dict[str, str], scores: "pd.DataFrame") -> Trials:
    seeds = tuple(sorted(seed for seed, trial in variant.trials.items() if trial in finished))
    scored = set(scores["seed"].tolist())
    return Trials(
        planned=len(variant.trials),
        seeds=seeds,
        unscored=tuple(seed for seed in seeds if seed not in scored),
        failed=tuple(kinds[trial] for trial in variant.trials.values() if trial in kinds),
    )


def _rows(
    scores: dict[str, "pd.DataFrame"],
    fates: dict[str, Trials],
    pairs: dict[str, Pairs],
    names: dict[int, str],
    metric: Metric,
    reference: str | None,
) -> Iterator[Row]:
    values = {name: case_table(own, metric.name) for name, own in scores.items()}
    for class_id, class_name in [(None, FOREGROUND), *names.items()]:
        column = FOREGROUND if class_id is None else class_id
        for name, own in scores.items():
            table = values[name]
            there = (table[column] if column in table.columns else table[FOREGROUND].iloc[:0]).dropna()
            rows = own if class_id is None else own[own["class_id"] == class_id]
            empty = rows[rows["empty_prediction"] & ~rows["empty_reference"]]
            yield Row(
                variant=name,
                class_id=class_id,
                class_name=class_name,
                is_reference=name == reference,
                mean=float(there.mean()) if len(there) else None,
                sd=float(there.std(ddof=1)) if len(there) > 1 else None,
                n=len(there),
                cases=rows["case_id"].nunique(),
                test=paired_t_test(*pairs[name].of(column), metric.alternative) if name in pairs else None,
                trials=fates[name],
                empty_cases=empty["case_id"].nunique(),
                empty_predictions=len(empty),
                predictions=len(rows),
                empty_labels=rows.loc[rows["empty_reference"], "case_id"].nunique(),
            )
