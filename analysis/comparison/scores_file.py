"""Per-case scores of other tools: a CSV or parquet file, or a data frame, with one row a case."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from analysis.comparison.foreign_metric import (
    ROUNDING,
    TOP,
    Unit,
    direction,
    foreign_metric,
    in_percent,
    range_of,
    unit_of_shares,
)
from analysis.comparison.scored_sweep import ScoredSweep, choose_reference, score
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.runs.scores_table import ScoresTable, as_table, cleaned
from analysis.runs.sweep import PlannedVariant, Sides, Sweep

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScoreColumns:
    """Which column holds what; None where there is none, or where it was not said.

    Attributes:
        case: the case's name; rows of one case are paired.
        variant: the method or setting that was scored.
        seed: the training's seed or name; None where each variant was trained once or seeds were averaged before.
        class_name: the class; None where there is one. Classes are averaged per case, and shown one by one.
        higher_is_better: the direction of scores whose name (dice, iou, hd95, asd, ...) does not tell it.
        unit: what shares such as Dice are written in, "share" (0 to 1) or "percent"; None tells it from the column.
    """

    case: str | None = None
    variant: str | None = None
    seed: str | None = None
    class_name: str | None = None
    higher_is_better: bool | None = None
    unit: Unit | None = None

    @property
    def roles(self) -> dict[str, str]:
        """Columns that tell rows apart, by what they hold."""
        named = {"variant": self.variant, "case": self.case, "seed": self.seed, "class": self.class_name}
        return {role: name for role, name in named.items() if name is not None}

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that tell rows apart."""
        return tuple(self.roles.values())

    def cleaned(self) -> "ScoreColumns":
        """Return the same with its columns named as tables of scores name them."""
        variant, case, seed, class_name = (
            None if name is None else cleaned(name) for name in (self.variant, self.case, self.seed, self.class_name)
        )
        return replace(self, variant=variant, case=case, seed=seed, class_name=class_name)

    @property
    def given(self) -> list[str]:
        """Options of the command line that say it."""
        direction = {None: [], True: ["--higher-is-better"], False: ["--lower-is-better"]}[self.higher_is_better]
        columns = [f"--{role}" for role in ("case", "variant", "seed", "class") if role in self.roles]
        return [*columns, *direction, *([] if self.unit is None else ["--unit"])]


class MoreColumns(TypedDict, total=False):
    """What `ScoreColumns` takes beside case and variant."""

    seed: str | None
    class_name: str | None
    higher_is_better: bool | None
    unit: Unit | None


def tables_of_scores(
    scores: "Path | str | pd.DataFrame",
    case: str,
    variant: str,
    metric: str | Sequence[str],
    *,
    reference: str | None = None,
    sides: Sides = "two-sided",
    name: str | None = None,
    **more: Unpack[MoreColumns],
) -> ScoredSweep:
    """Score what another tool wrote.

    Seeds are averaged per case and cases are paired by name, as in a sweep; empty cells are missing.

    Args:
        scores: a CSV or parquet file, or a data frame; one row per variant, case, and seed and class if there are any.
        case: column of the case's name.
        variant: column of the method or setting.
        metric: column of the scores, or several.
        reference: the variant to compare with; None compares nothing.
        sides: what the tests ask for.
        name: what to call it; None takes the file's name.
        more: `seed`, `class_name`, `higher_is_better` and `unit` as in `ScoreColumns`.

    Raises:
        AnalysisError: the file can't be read, a column is missing or stands for two things, a score is no number or
            lies outside its metric, a row appears twice or sums others up, the metric's direction is not known, or
            there is no such reference.
    """
    metrics = tuple(dict.fromkeys(map(cleaned, [metric] if isinstance(metric, str) else metric)))
    columns = ScoreColumns(case, variant, **more).cleaned()
    _check_roles(columns, metrics)
    table = as_table(scores)
    for column in (*columns.keys, *metrics):
        table.column(column)
    keys = _keys(table, columns)
    values = {column: table.scores(column) for column in metrics}
    units = _units(table, values, columns.unit)
    sweep, trials, cases = _as_records(keys, columns, name or table.name, metrics)
    # Of several metrics, the caller speaks of those whose names don't tell.
    directions = [columns.higher_is_better if len(metrics) == 1 or direction(own) is None else None for own in metrics]
    known_metrics = [
        foreign_metric(own, max(abs(number) for number in values[own].tolist() if number == number), better, units[own])
        for own, better in zip(metrics, directions, strict=True)
    ]
    chosen = choose_reference(sweep, None if reference is None else cleaned(reference))
    return score(sweep, trials, cases.assign(**values), "", known_metrics, chosen, sides)


def _keys(table: ScoresTable, columns: ScoreColumns) -> "pd.DataFrame":
    """Return the columns that tell rows apart, as text, each row once."""
    import pandas as pd

    averaged = {columns.case: "case", columns.class_name: "class"}
    keys = pd.DataFrame(
        {name: table.members(name, averaged[name]) if name in averaged else table.ids(name) for name in columns.keys}
    )
    again = keys.duplicated()
    if again.any():
        at = int(again.to_numpy().argmax())
        before = int((keys == keys.iloc[at]).all(axis=1).to_numpy().argmax())
        what = ", ".join(f"{name} {keys[name].iloc[at]}" for name in columns.keys)
        more = [
            f"--{option}" for option, name in (("seed", columns.seed), ("class", columns.class_name)) if name is None
        ]
        raise AnalysisError(
            f"In {table.name}, {table.row}s {table.numbers[before]} and {table.numbers[at]} are both of {what}; "
            "expected one row each. "
            + (f"Name the column that tells them apart with {' or '.join(more)}." if more else "Drop one of them.")
        )
    return keys


def _check_roles(columns: ScoreColumns, metrics: Sequence[str]) -> None:
    """Refuse a column that is named for two things."""
    roles = [(name, role) for role, name in columns.roles.items()] + [(name, "metric") for name in metrics]
    for column, count in Counter(name for name, _ in roles).items():
        if count > 1:
            both = " and ".join(role for name, role in roles if name == column)
            raise AnalysisError(f"The column '{column}' is named for {both}; each needs a column of its own.")


def _units(table: ScoresTable, values: "Mapping[str, Floats]", asked: Unit | None) -> dict[str, Unit | None]:
    """Tell the unit of each metric's shares and refuse what does not fit its metric.

    Of several metrics, the caller speaks of the shares among them, or of those whose names don't tell what they are.
    """
    shares = [column for column in values if direction(column)]
    meant = shares or [column for column in values if direction(column) is None]
    if asked is not None and (asked not in TOP or not meant):
        raise AnalysisError(
            f"The unit '{asked}' does not fit {', '.join(values)}; expected share or percent, for metrics such as Dice."
        )
    units = {column: unit_of_shares(column, own, asked if column in meant else None) for column, own in values.items()}
    for column, own in values.items():
        _check_range(table, column, own, units[column])
        if asked is None and units[column] == "percent":
            _check_mixed(table, column, own)
    return units


def _check_range(table: ScoresTable, column: str, values: "Floats", unit: Unit | None) -> None:
    low, high = range_of(column, unit)
    slack = 0.0 if unit is None else ROUNDING * high
    outside = (values < low - slack) | (values > high + slack)
    if not outside.any():
        return
    place = int(outside.argmax())
    more = f" ({int(outside.sum())} such in all)" if outside.sum() > 1 else ""
    what = "a distance, 0 or more" if unit is None else f"a {unit if unit == 'share' else 'value in percent'}"
    span = "" if unit is None else f" from 0 to {high:g}"
    raise AnalysisError(
        f"The {table.at(place)} has {values[place]:.8g} for '{column}'{more}; expected {what}{span}, or nothing where "
        "it is missing."
    )


def _check_mixed(table: ScoresTable, column: str, values: "Floats") -> None:
    """Refuse values up to 1 among larger ones, or under a heading that says percent nothing larger."""
    import numpy as np

    small, large = (values > 0) & (values <= 1 + ROUNDING), values > 1 + ROUNDING
    if in_percent(column):
        if small.any() and not large.any():
            raise AnalysisError(
                f"All values of '{column}' in {table.name} are at most 1, though it says percent; say with --unit "
                "which they are."
            )
    elif small.any():
        first, other = int(small.argmax()), int(large.argmax())
        raise AnalysisError(
            f"The {table.at(first)} has {values[first]:.8g} for '{column}' and {table.row} {table.numbers[other]} "
            f"{values[other]:.8g}, as if shares and percent were mixed ({int(np.sum(small))} of "
            f"{int(np.sum(small) + np.sum(large))} are at most 1); write all in one unit, or say which with --unit."
        )


def _as_records(
    keys: "pd.DataFrame", columns: ScoreColumns, name: str, metrics: Sequence[str]
) -> "tuple[Sweep, pd.DataFrame, pd.DataFrame]":
    """Return a sweep with the records of its trials and cases, all finished, the metrics left out."""
    import pandas as pd

    # By first appearance: the order in which people write their methods.
    variants = {variant: number for number, variant in enumerate(dict.fromkeys(keys[columns.variant]))}
    seeds = keys[columns.seed].map(_numbered(keys[columns.seed])) if columns.seed else pd.Series(0, index=keys.index)
    trial = keys[columns.variant].map(variants).astype(str) + "-" + seeds.astype(str)
    classes = _numbered(keys[columns.class_name]) if columns.class_name else {}
    cases = pd.DataFrame(
        {
            "trial_id": trial.to_numpy(dtype=object),
            "dataset": "",
            "case_id": keys[columns.case].to_numpy(dtype=object),
            "class_id": keys[columns.class_name].map(classes).to_numpy(dtype=int) if columns.class_name else 1,
            "class_name": keys[columns.class_name].to_numpy(dtype=object) if columns.class_name else "foreground",
            "reference_voxels": 1,
            "empty_prediction": False,
            "empty_reference": False,
        }
    )
    trained = {
        variant: {
            Replicate(int(seed)): f"{number}-{seed}" for seed in sorted(set(seeds[keys[columns.variant] == variant]))
        }
        for variant, number in variants.items()
    }
    sweep = Sweep(
        name=name,
        metric=metrics[0],
        also=tuple(metrics[1:]),
        reference=None,
        dataset="",
        dataset_folder=None,
        variants=tuple(PlannedVariant(variant, own) for variant, own in trained.items()),
        overrides={},
    )
    trials = pd.DataFrame({"trial_id": sweep.trial_ids, "status": "finished", "failure_kind": None})
    return sweep, trials, cases


def _numbered(words: Iterable[str]) -> dict[str, int]:
    """Number words: by themselves where they are whole numbers, else in the order of the alphabet."""
    known = set(words)
    # Not by `isdigit` alone, which takes superscripts too; more digits than these do not fit an integer of the records.
    if all(word.isascii() and word.isdigit() and len(word) <= 18 for word in known) and len(
        {int(word) for word in known}
    ) == len(known):
        return {word: int(word) for word in known}
    return {word: number for number, word in enumerate(sorted(known), start=1)}
