"""Per-case scores of other tools: a CSV or parquet file, or a data frame, with one row a case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from analysis.comparison.foreign_metric import direction, foreign_metric
from analysis.comparison.scored_sweep import ScoredSweep, choose_reference, score
from analysis.errors import AnalysisError, reason
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant, Sweep, hint

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
_SEPARATORS: Final = ",;\t|"


@dataclass(frozen=True)
class ScoreColumns:
    """Which column holds what; None where there is none, or where it was not said.

    Attributes:
        case: the case's name; rows of one case are paired.
        variant: the method or setting that was scored.
        seed: the training's seed or name; None where each variant was trained once or seeds were averaged before.
        class_name: the class; None where there is one. Classes are averaged per case, and shown one by one.
        higher_is_better: the direction of scores whose name (dice, iou, hd95, asd, ...) does not tell it.
    """

    case: str | None = None
    variant: str | None = None
    seed: str | None = None
    class_name: str | None = None
    higher_is_better: bool | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that tell rows apart."""
        return tuple(name for name in (self.variant, self.case, self.seed, self.class_name) if name is not None)

    @property
    def given(self) -> list[str]:
        """Options of the command line that say it."""
        direction = {None: None, True: "--higher-is-better", False: "--lower-is-better"}[self.higher_is_better]
        named = {"--case": self.case, "--variant": self.variant, "--seed": self.seed, "--class": self.class_name}
        return [*(option for option, value in named.items() if value is not None), *([direction] if direction else [])]


class MoreColumns(TypedDict, total=False):
    """What `ScoreColumns` takes beside case and variant."""

    seed: str | None
    class_name: str | None
    higher_is_better: bool | None


@dataclass(frozen=True)
class _Origin:
    """Where rows come from, for messages.

    Attributes:
        name: the file's name, or what stands for it.
        row: what a row of it is called.
        first: number of its first row.
    """

    name: str
    row: str
    first: int


def tables_of_scores(
    scores: "Path | str | pd.DataFrame",
    case: str,
    variant: str,
    metric: str | Sequence[str],
    *,
    reference: str | None = None,
    two_sided: bool = False,
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
        two_sided: whether to hold "different" against "no difference", not "the reference is better".
        name: what to call it; None takes the file's name.
        more: `seed`, `class_name` and `higher_is_better` as in `ScoreColumns`.

    Raises:
        AnalysisError: the file can't be read, a column is missing, a score is no number, a row appears twice, the
            metric's direction is not known, or there is no such reference.
    """
    metrics = (metric,) if isinstance(metric, str) else tuple(dict.fromkeys(metric))
    columns = ScoreColumns(case, variant, **more)
    if isinstance(scores, str | Path):
        path = Path(scores)
        frame = read_scores(path)
        source = _Origin(path.name, "row", 1) if path.suffix == ".parquet" else _Origin(path.name, "line", 2)
    else:
        frame, source = scores.reset_index(drop=True), _Origin("the data frame", "row", 0)
    known = [str(column) for column in frame.columns]
    for column in (*columns.keys, *metrics):
        if column not in known:
            raise AnalysisError(
                f"There is no column '{column}' in {source.name}{hint(column, known)}; its columns are "
                f"{', '.join(known)}."
            )
    keys = _keys(frame, columns, source)
    values = {column: _numbers(frame[column], column, source) for column in metrics}
    sweep, trials, cases = _as_records(keys, columns, name or source.name, metrics)
    # Of several metrics, the caller speaks of those whose names don't tell.
    directions = [columns.higher_is_better if len(metrics) == 1 or direction(own) is None else None for own in metrics]
    known_metrics = [
        foreign_metric(own, max(abs(number) for number in values[own].tolist() if number == number), better)
        for own, better in zip(metrics, directions, strict=True)
    ]
    return score(
        sweep, trials, cases.assign(**values), "", known_metrics, choose_reference(sweep, reference), two_sided
    )


def read_scores(path: Path) -> "pd.DataFrame":
    """Read a file of scores; the cells of a CSV stay text, so that a wrong one can be shown as it is.

    Raises:
        AnalysisError: it is not there, or is no table.
    """
    import pandas as pd

    if not path.is_file():
        raise AnalysisError(f"There is no file {path}; expected a CSV or parquet file of per-case scores.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
        separator = max(_SEPARATORS, key=first.count)
        return pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise AnalysisError(
            f"The file {path} can't be read as {'parquet' if path.suffix == '.parquet' else 'CSV'} ({reason(error)}); "
            "expected one row a case, under a line of headings."
        ) from error


def _keys(frame: "pd.DataFrame", columns: ScoreColumns, source: _Origin) -> "pd.DataFrame":
    """Return the columns that tell rows apart, as text, each row once."""
    keys = frame[list(columns.keys)].astype("string")
    for name in columns.keys:
        blank = keys[name].isna() | keys[name].str.strip().eq("")
        if blank.any():
            raise AnalysisError(
                f"The {source.row} {int(blank.to_numpy().argmax()) + source.first} of {source.name} has no value for "
                f"'{name}'; every row needs one."
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
            f"In {source.name}, {source.row}s {before + source.first} and {at + source.first} are both of {what}; "
            "expected one row each. "
            + (f"Name the column that tells them apart with {' or '.join(more)}." if more else "Drop one of them.")
        )
    return keys


def _numbers(column: "pd.Series[Any]", name: str, source: _Origin) -> Any:
    """Return a column as floats, NaN where it says that the value is missing."""
    import numpy as np
    import pandas as pd

    missing = column.isna() | column.astype("string").str.strip().str.lower().isin(_MISSING)
    numbers = pd.to_numeric(column.where(~missing), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = np.where(missing, False, ~np.isfinite(numbers))
    if wrong.any():
        at = int(wrong.argmax())
        more = f" ({int(wrong.sum())} such in all)" if wrong.sum() > 1 else ""
        raise AnalysisError(
            f"The {source.row} {at + source.first} of {source.name} has '{column.iloc[at]}' for '{name}'{more}; "
            "expected a finite number with a decimal point, or nothing where it is missing."
        )
    if np.isnan(numbers).all():
        raise AnalysisError(f"The column '{name}' of {source.name} has no numbers; choose another.")
    return numbers


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
    if all(word.isdigit() for word in known) and len({int(word) for word in known}) == len(known):
        return {word: int(word) for word in known}
    return {word: number for number, word in enumerate(sorted(known), start=1)}
