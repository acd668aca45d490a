"""Per-case scores of other tools: a CSV or parquet file, or a data frame, with one row a case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.foreign_metric import direction, foreign_metric
from analysis.comparison.table import Fates, Overview, choose_reference, tabulate
from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import Sweep, Variant, hint

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
_SEPARATORS: Final = ",;\t|"


@dataclass(frozen=True)
class Columns:
    """Which column holds what.

    Attributes:
        case: the case's name; rows of one case are paired.
        variant: the method or setting that was scored.
        metrics: the scores.
        seed: the training's seed or name; None where each variant was trained once or seeds were averaged before.
        class_name: the class; None where there is one.
    """

    case: str
    variant: str
    metrics: tuple[str, ...]
    seed: str | None = None
    class_name: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that tell rows apart."""
        return tuple(name for name in (self.variant, self.case, self.seed, self.class_name) if name is not None)


def tables_of_scores(
    scores: "Path | str | pd.DataFrame",
    case: str,
    variant: str,
    metric: str | Sequence[str],
    *,
    seed: str | None = None,
    class_name: str | None = None,
    reference: str | None = None,
    higher_is_better: bool | None = None,
    two_sided: bool = False,
    name: str | None = None,
) -> Overview:
    """Build the tables of per-case scores that another tool wrote.

    Seeds are averaged per case and cases are paired by name, as in the tables of a sweep; empty cells are missing.

    Args:
        scores: a CSV or parquet file, or a data frame; one row per variant, case, and seed and class if there are any.
        case: column of the case's name.
        variant: column of the method or setting.
        metric: column of the scores, or several.
        seed: column of the seed, if any.
        class_name: column of the class, if any; classes are averaged per case, and shown one by one.
        reference: the variant to compare with; None compares nothing.
        higher_is_better: None tells it from the metric's name (dice, iou, hd95, asd, ...).
        two_sided: whether to hold "different" against "no difference", not "the reference is better".
        name: what to call the table; None takes the file's name.

    Raises:
        AnalysisError: the file can't be read, a column is missing, a score is no number, a row appears twice, the
            metric's direction is not known, or there is no such reference.
    """
    metrics = (metric,) if isinstance(metric, str) else tuple(dict.fromkeys(metric))
    columns = Columns(case, variant, metrics, seed, class_name)
    if isinstance(scores, str | Path):
        path = Path(scores)
        frame, source, first_line = read_scores(path), path.name, 1 if path.suffix == ".parquet" else 2
    else:
        frame, source, first_line = scores.reset_index(drop=True), "the data frame", 0
    known = [str(column) for column in frame.columns]
    for column in (*columns.keys, *metrics):
        if column not in known:
            raise AnalysisError(
                f"There is no column '{column}' in {source}{hint(column, known)}; its columns are {', '.join(known)}."
            )
    place = "row" if first_line < 2 else "line"
    keys = _keys(frame, columns, source, place, first_line)
    values = {column: _numbers(frame[column], column, source, place, first_line) for column in metrics}
    return _tabulate(keys, values, columns, name or source, reference, higher_is_better, two_sided)


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
        reason = " ".join(str(error).split()).rstrip(".")
        raise AnalysisError(
            f"The file {path} can't be read as {'parquet' if path.suffix == '.parquet' else 'CSV'} ({reason}); "
            "expected one row a case, under a line of headings."
        ) from error


def _keys(frame: "pd.DataFrame", columns: Columns, source: str, place: str, first: int) -> "pd.DataFrame":
    """Return the columns that tell rows apart, as text, each row once."""
    keys = frame[list(columns.keys)].astype("string")
    for name in columns.keys:
        blank = keys[name].isna() | keys[name].str.strip().eq("")
        if blank.any():
            raise AnalysisError(
                f"The {place} {int(blank.to_numpy().argmax()) + first} of {source} has no value for '{name}'; every "
                "row needs one."
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
            f"In {source}, {place}s {before + first} and {at + first} are both of {what}; expected one row each. "
            + (f"Name the column that tells them apart with {' or '.join(more)}." if more else "Drop one of them.")
        )
    return keys


def _numbers(column: "pd.Series[Any]", name: str, source: str, place: str, first: int) -> Any:
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
            f"The {place} {at + first} of {source} has '{column.iloc[at]}' for '{name}'{more}; expected a finite "
            "number with a decimal point, or nothing where it is missing."
        )
    if np.isnan(numbers).all():
        raise AnalysisError(f"The column '{name}' of {source} has no numbers; choose another.")
    return numbers


def _tabulate(
    keys: "pd.DataFrame",
    values: dict[str, Any],
    columns: Columns,
    name: str,
    reference: str | None,
    higher_is_better: bool | None,
    two_sided: bool,
) -> Overview:
    import numpy as np
    import pandas as pd

    # By first appearance: the order in which people write their methods.
    variants = list(dict.fromkeys(keys[columns.variant]))
    seeds = _numbered(keys[columns.seed]) if columns.seed else {}
    classes = _numbered(keys[columns.class_name]) if columns.class_name else {}
    seed_of = keys[columns.seed].map(seeds) if columns.seed else pd.Series(0, index=keys.index)
    place = {variant: number for number, variant in enumerate(variants)}
    trial = keys[columns.variant].map(place).astype(str) + "-" + seed_of.astype(str)
    frame = pd.DataFrame(
        {
            "trial_id": trial.to_numpy(dtype=object),
            "dataset": "",
            "case_id": keys[columns.case].to_numpy(dtype=object),
            "class_id": keys[columns.class_name].map(classes).to_numpy(dtype=int) if columns.class_name else 1,
            "class_name": keys[columns.class_name].to_numpy(dtype=object) if columns.class_name else "foreground",
            "reference_voxels": 1,
            "empty_prediction": False,
            "empty_reference": False,
            **values,
        }
    )
    trained = {
        variant: {
            Replicate(int(seed)): f"{place[variant]}-{seed}"
            for seed in sorted(set(seed_of[keys[columns.variant] == variant]))
        }
        for variant in variants
    }
    sweep = Sweep(
        name=name,
        metric=columns.metrics[0],
        also=columns.metrics[1:],
        reference=None,
        dataset="",
        dataset_folder=None,
        variants=tuple(Variant(variant, trained[variant]) for variant in variants),
        overrides={},
    )
    # Of several metrics, the caller speaks of those whose names don't tell.
    alone = len(columns.metrics) == 1
    metrics = [
        foreign_metric(
            metric,
            float(np.nanmax(np.abs(values[metric]))),
            higher_is_better if alone or direction(metric) is None else None,
        )
        for metric in columns.metrics
    ]
    fates = Fates(finished=tuple(sweep.trial_ids), failed={}, training={})
    return tabulate(sweep, frame, fates, "", metrics, choose_reference(sweep, reference), two_sided)


def _numbered(words: Iterable[str]) -> dict[str, int]:
    """Number words: by themselves where they are whole numbers, else in the order of the alphabet."""
    known = set(words)
    if all(word.isdigit() for word in known) and len({int(word) for word in known}) == len(known):
        return {word: int(word) for word in known}
    return {word: number for number, word in enumerate(sorted(known), start=1)}
