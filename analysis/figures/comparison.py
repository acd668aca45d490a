"""What the figures of a sweep are drawn from: one value per variant and case, and pairs with the reference."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.aggregate import FOREGROUND, Scores, case_values, pair, score_trials, scores_of
from analysis.errors import AnalysisError
from analysis.figures.settings import settings_of, varying_keys
from analysis.metric import Metric, find_metric
from analysis.records import read_cases, read_trials
from analysis.statistics import PairedTest, paired_t_test
from analysis.sweep import Variant, hint, read_sweep

if TYPE_CHECKING:
    from analysis.aggregate import Flags, Floats

_COLUMNS: Final = (
    *("trial_id", "dataset", "split", "case_id", "class_id", "class_name"),
    *("reference_voxels", "empty_prediction", "empty_reference"),
)


@dataclass(frozen=True)
class VariantValues:
    """A variant's value on each case.

    Attributes:
        name: the variant's name.
        values: all finished seeds averaged per case, `[N]` on the comparison's cases; NaN is missing.
        settings: every setting as resolved, by dotted key; empty where no trial has a record.
        seeds: mean over cases of each finished seed alone; NaN where no case has a value.
        planned: trials planned, one a seed.
        failed: failure kind of each trial that failed.
        empty: predictions that are empty although the label has the class, over seeds, cases and classes.
        predictions: all predictions, over the same.
    """

    name: str
    values: "Floats"
    settings: Mapping[str, Any]
    seeds: Mapping[int, float]
    planned: int
    failed: tuple[str, ...] = ()
    empty: int = 0
    predictions: int = 0

    @property
    def there(self) -> "Floats":
        """The values that are there."""
        present: Floats = self.values[self.values == self.values]
        return present


@dataclass(frozen=True)
class PairedCases:
    """A variant against the reference: cases and seeds that both have, complete pairs only.

    Attributes:
        variant: the variant's name.
        cases: ids of the cases.
        values: the variant's value on each, `[n]`.
        reference: the reference's, `[n]`.
        left_out: cases scored on either side that make no pair.
        test: the test of the ablation table.
    """

    variant: str
    cases: tuple[str, ...]
    values: "Floats"
    reference: "Floats"
    left_out: int
    test: PairedTest


@dataclass(frozen=True)
class Comparison:
    """All variants of a sweep on the same cases; values are in the metric's stored unit.

    Attributes:
        sweep: the sweep's name.
        dataset: the data set's name.
        split: `test`, or `val` for a data set without test cases.
        metric: what is compared.
        class_name: the class; None for the mean over the foreground classes of each case.
        cases: case ids.
        variants: in the order of the sweep.
        reference: the variant that the others are compared with, if any.
        pairs: every other variant against it; empty without one.
        varying: dotted keys of the settings that set the variants apart.
    """

    sweep: str
    dataset: str
    split: str
    metric: Metric
    class_name: str | None
    cases: tuple[str, ...]
    variants: tuple[VariantValues, ...]
    reference: str | None
    pairs: tuple[PairedCases, ...]
    varying: tuple[str, ...] = ()

    @property
    def scored(self) -> tuple[VariantValues, ...]:
        """Variants with a value on any case."""
        return tuple(variant for variant in self.variants if len(variant.there))

    def subject(self) -> str:
        """Name the metric, the class and the cases, for a caption."""
        metric = self.metric
        of_class = f" of {self.class_name}" if self.class_name else ""
        return f"{metric.label} [{metric.unit}]{of_class} on {len(self.cases)} {self.split} cases of {self.dataset}"

    def remarks(self) -> list[str]:
        """Say what is missing, in sentences: trials, and cases without a value."""
        found = []
        for variant in self.variants:
            name, lost, planned = variant.name, len(variant.failed), variant.planned
            if lost:
                kinds = ", ".join(dict.fromkeys(variant.failed))
                found.append(f"{name}: {lost} of {planned} trials failed ({kinds}).")
            if open_ := planned - lost - len(variant.seeds):
                found.append(f"{name}: {open_} of {planned} trials not finished or not scored.")
            if variant.empty:
                found.append(f"{name}: {variant.empty} of {variant.predictions} predictions empty.")
            if missing := len(self.cases) - len(variant.there) if variant.seeds else 0:
                found.append(f"{name}: {missing} of {len(self.cases)} cases without {self.metric.label}, left out.")
        return found


def read_comparison(
    runs: Path,
    sweep_name: str,
    metric: str | None = None,
    reference: str | None = None,
    class_name: str | None = None,
) -> Comparison:
    """Read what has finished of `runs/sweeps/sweep_name`.

    Args:
        runs: the runs folder.
        sweep_name: folder name of the sweep.
        metric: a column of the case records; None takes the sweep's.
        reference: name of the variant to compare with; None takes the sweep's.
        class_name: one class; None takes the mean over the foreground classes of each case.

    Raises:
        AnalysisError: no such sweep, metric, variant or class, a damaged record, or scores that can't be compared.
    """
    sweep = read_sweep(runs, sweep_name)
    chosen = find_metric(metric or sweep.metric)
    base = _known("variant", reference, [variant.name for variant in sweep.variants]) or sweep.reference
    trials = read_trials(runs, sweep.trial_ids)
    finished = trials.loc[trials["status"] == "finished", "trial_id"].tolist()
    failed = trials[trials["status"] == "failed"]
    kinds = dict(zip(failed["trial_id"].tolist(), failed["failure_kind"].fillna("unknown").tolist(), strict=True))

    rows = read_cases(runs, finished, [*_COLUMNS, chosen.name])
    split = "test" if "test" in set(rows["split"]) or rows.empty else "val"
    by_trial = score_trials(rows[rows["split"] == split], [chosen.name])[chosen.name]
    names = list(by_trial.classes.values())
    column = FOREGROUND if _known("class", class_name, names) is None else names.index(str(class_name))

    scores = {variant.name: scores_of(by_trial, variant, finished) for variant in sweep.variants}
    settings = settings_of(trials, {v.name: list(v.trials.values()) for v in sweep.variants})
    others = [name for name in scores if base is not None and name != base]
    return Comparison(
        sweep=sweep.name,
        dataset=sweep.dataset,
        split=split,
        metric=chosen,
        class_name=class_name,
        cases=by_trial.cases,
        variants=tuple(_variant(v, scores[v.name], settings[v.name], kinds, column) for v in sweep.variants),
        reference=base,
        pairs=tuple(_pairs(name, scores[name], scores[str(base)], chosen, column) for name in others),
        varying=varying_keys(settings.values()),
    )


def _known(what: str, asked: str | None, names: list[str]) -> str | None:
    if asked is not None and asked not in names:
        raise AnalysisError(
            f"There is no {what} '{asked}'{hint(asked, names)}; there are {', '.join(names) or 'none'}."
        )
    return asked


def _variant(
    variant: Variant, scores: Scores[int], settings: Mapping[str, Any], kinds: Mapping[str, str], column: int
) -> VariantValues:
    seeds = {seed: case_values(_one_seed(scores, place))[:, column] for place, seed in enumerate(scores.runs)}
    classes = slice(None) if column == FOREGROUND else slice(column, column + 1)
    return VariantValues(
        name=variant.name,
        values=case_values(scores)[:, column],
        settings=settings,
        seeds={
            seed: float(own[own == own].mean()) if (own == own).any() else float("nan") for seed, own in seeds.items()
        },
        planned=len(variant.trials),
        failed=tuple(kinds[trial] for trial in variant.trials.values() if trial in kinds),
        empty=int(scores.empty[:, :, classes].sum()),
        predictions=int(scores.scored[:, :, classes].sum()),
    )


def _one_seed(scores: Scores[int], place: int) -> Scores[int]:
    arrays = {name: getattr(scores, name)[place : place + 1] for name in ("values", "scored", "empty")}
    return replace(scores, runs=scores.runs[place : place + 1], **arrays)


def _pairs(name: str, variant: Scores[int], reference: Scores[int], metric: Metric, column: int) -> PairedCases:
    import numpy as np

    matched = pair(variant, reference)
    # `pair` keeps the cases that both sides were scored on over the seeds that both have, in their order.
    in_both, in_either = _scored_by(variant, matched.seeds), _scored_by(reference, matched.seeds)
    in_both, in_either = in_both & in_either, in_both | in_either
    ours, theirs = matched.variant[:, column], matched.reference[:, column]
    complete = ~np.isnan(ours) & ~np.isnan(theirs)
    cases = np.array(variant.cases, dtype=object)[in_both][complete]
    return PairedCases(
        variant=name,
        cases=tuple(cases.tolist()),
        values=ours[complete],
        reference=theirs[complete],
        left_out=int(in_either.sum() - complete.sum()),
        test=paired_t_test(*matched.of(column), metric.alternative),
    )


def _scored_by(scores: Scores[int], seeds: tuple[int, ...]) -> "Flags":
    import numpy as np

    flags: Flags = np.logical_or.reduce(scores.scored[[scores.runs.index(seed) for seed in seeds]], axis=(0, 2))
    return flags
