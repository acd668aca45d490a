"""What the figures of a sweep are drawn from: one value per variant and case, and pairs with the reference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analysis.comparison.aggregate import FOREGROUND, Pairs, Scores, case_values, replicate_values
from analysis.comparison.difference import Difference
from analysis.comparison.metric import Metric
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.settings import settings_of, shown_names, varying_keys
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate, have_splits, luck
from analysis.runs.sweep import Sides, hint

if TYPE_CHECKING:
    from analysis.comparison.aggregate import Floats


@dataclass(frozen=True)
class VariantValues:
    """A variant's value on each case.

    Attributes:
        name: what figures call the variant.
        values: all finished replicates averaged per case, `[N]` on the comparison's cases; NaN is missing.
        settings: every setting as resolved, by dotted key; empty where no trial has a record.
        by_replicate: each scored replicate's own values, `[N]`.
        planned: trials planned, one a replicate.
        failed: failure kind of each trial that failed.
        empty: predictions that are empty although the label has the class, over replicates, cases and classes.
        predictions: all predictions, over the same.
    """

    name: str
    values: "Floats"
    settings: Mapping[str, Any]
    by_replicate: Mapping[Replicate, "Floats"]
    planned: int
    failed: tuple[str, ...] = ()
    empty: int = 0
    predictions: int = 0

    @property
    def there(self) -> "Floats":
        """The values that are there."""
        present: Floats = self.values[self.values == self.values]
        return present

    @property
    def replicate_means(self) -> tuple[float, ...]:
        """Mean over cases of each replicate alone that has a value."""
        present = [own[own == own] for own in self.by_replicate.values()]
        return tuple(float(own.mean()) for own in present if len(own))


@dataclass(frozen=True)
class PairedCases:
    """A variant against the reference: cases and replicates that both have, complete pairs only.

    Attributes:
        variant: what figures call the variant.
        cases: ids of the cases, in the order of the difference's values.
        left_out: cases scored on either side that make no pair.
        difference: of the ablation table.
    """

    variant: str
    cases: tuple[str, ...]
    left_out: int
    difference: Difference


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
        sides: what the tests ask for.
        labels: what the sweep calls settings, by dotted key.
        classes: name of each foreground class by its id, in rising order.
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
    sides: Sides = "two-sided"
    labels: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)

    @property
    def scored(self) -> tuple[VariantValues, ...]:
        """Variants with a value on any case."""
        return tuple(variant for variant in self.variants if len(variant.there))

    @property
    def paired(self) -> tuple[PairedCases, ...]:
        """Variants that share cases with the reference."""
        return tuple(pairs for pairs in self.pairs if pairs.cases)

    @property
    def luck(self) -> str:
        """What is averaged per case: seeds, or seeds and label splits."""
        return luck(have_splits(replicate for variant in self.variants for replicate in variant.by_replicate))

    @property
    def chance(self) -> str:
        """What the tests over replicates count as chance beside the cases: seeds, label splits, or each in some."""
        found = {pairs.difference.chance for pairs in self.pairs if pairs.difference.over_seeds is not None}
        return " or ".join(sorted(found, reverse=True))

    def subject(self) -> str:
        """Name the metric, the class and the cases, for a caption."""
        metric = self.metric
        of_class = f" of {self.class_name}" if self.class_name else ""
        cases = f"{len(self.cases)} {self.split} case{'' if len(self.cases) == 1 else 's'}"
        return f"{metric.heading}{of_class} on {cases} of {self.dataset}"

    def remarks(self) -> list[str]:
        """Say what is missing, in sentences: trials, and cases without a value."""
        found = []
        for variant in self.variants:
            name, lost, planned = variant.name, len(variant.failed), variant.planned
            if lost:
                kinds = ", ".join(dict.fromkeys(variant.failed))
                found.append(f"{name}: {lost} of {planned} trials failed ({kinds}).")
            if open_ := planned - lost - len(variant.by_replicate):
                found.append(f"{name}: {open_} of {planned} trials not finished or not scored.")
            if variant.empty:
                found.append(f"{name}: {variant.empty} of {variant.predictions} predictions empty.")
            if missing := len(self.cases) - len(variant.there) if variant.by_replicate else 0:
                found.append(f"{name}: {missing} of {len(self.cases)} cases without {self.metric.label}, left out.")
        return found


def comparison_of(scored: ScoredSweep, class_name: str | None = None) -> Comparison:
    """Arrange the main metric of a scored sweep for figures.

    Args:
        scored: the sweep, read with its settings.
        class_name: one class; None takes the mean over the foreground classes of each case.

    Raises:
        AnalysisError: no such class.
    """
    sweep, own = scored.sweep, scored.main
    classes = list(scored.classes.values())
    if class_name is not None and class_name not in classes:
        there = ", ".join(classes) or "none"
        raise AnalysisError(f"There is no class '{class_name}'{hint(class_name, classes)}; there are {there}.")
    column = FOREGROUND if class_name is None else classes.index(class_name)
    class_id = None if class_name is None else list(scored.classes)[column]
    rows = [row for row in own.rows if row.class_id == class_id]
    called = shown_names(sweep.variants, sweep.labels)
    settings = settings_of(scored.trials, {variant.name: list(variant.trials.values()) for variant in sweep.variants})
    return Comparison(
        sweep=sweep.name,
        dataset=sweep.dataset,
        split=scored.split,
        metric=own.metric,
        class_name=class_name,
        cases=scored.cases,
        variants=tuple(
            _variant(called[row.variant], row, own.scores[row.variant], settings[row.variant], column) for row in rows
        ),
        reference=None if scored.reference is None else called[scored.reference],
        pairs=tuple(
            _paired(called[row.variant], own.pairs[row.variant], row.difference, column)
            for row in rows
            if row.difference is not None
        ),
        sides=scored.sides,
        varying=varying_keys(settings.values()),
        labels=sweep.labels,
        classes=scored.classes,
    )


def _variant(name: str, row: Row, scores: Scores[Replicate], settings: Mapping[str, Any], column: int) -> VariantValues:
    return VariantValues(
        name=name,
        values=case_values(scores)[:, column],
        settings=settings,
        by_replicate=dict(zip(scores.runs, replicate_values(scores)[:, :, column], strict=True)),
        planned=row.trials.planned,
        failed=row.trials.failed,
        empty=row.empty_predictions,
        predictions=row.predictions,
    )


def _paired(variant: str, matched: Pairs, difference: Difference, column: int) -> PairedCases:
    cases = tuple(matched.cases[place] for place in matched.complete(column).nonzero()[0])
    scored = len(matched.cases) + len(matched.variant_cases) + len(matched.reference_cases)
    return PairedCases(variant, cases, scored - len(cases), difference)
