"""Which settings set the variants of a sweep apart, read from the trials' records, and what they are called."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from analysis.runs.records import SETTING_PREFIX
from analysis.runs.sweep import PlannedVariant

if TYPE_CHECKING:
    import pandas as pd

LABELS: Final[Mapping[str, str]] = {
    "data.labeled": "Labelled cases",
    "ema.decay": "Decay of the teacher's moving average",
    "loss.consistency": "Weight \N{GREEK SMALL LETTER GAMMA} of the consistency loss",
    "loss.contrast": "Weight \N{GREEK SMALL LETTER LAMDA} of the contrastive loss",
    "loss.distillation": "Weight \N{GREEK SMALL LETTER BETA} of the distillation loss",
    "loss.sdm": "Weight \N{GREEK SMALL LETTER ALPHA} of the distance map's loss",
    "loss.temperature": "Temperature \N{GREEK SMALL LETTER TAU}",
    "projection.dropout": "Dropout probability p of the projection head",
    "projection.pool_size": "Pooling size of the projection head",
    "training.learning_rate": "Learning rate",
    "training.steps": "Training steps",
}
"""The paper's symbols, where it has any."""

Choice = tuple[tuple[str, Any], ...]
"""Values of some settings, by dotted key."""

_SEED: Final = f"{SETTING_PREFIX}seed"
_LABEL_SPLIT: Final = f"{SETTING_PREFIX}data.label_split"


def setting_label(key: str, labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what an axis calls a setting: the sweep's own label, else the paper's words, else its dotted key."""
    return labels.get(key, LABELS.get(key, key))


def shown_names(variants: Sequence[PlannedVariant], labels: Mapping[str, str]) -> dict[str, str]:
    """Return what figures call each variant: `p = 0.1` for `dropout=0.1` where the sweep's labels say so.

    Only what a row's name writes as `key=value`, with a key that the row sets, is written anew; names that people gave
    stay. Where two rows would be called the same, all keep their names.

    >>> row = PlannedVariant("dropout=0.1, pool_size=8", {}, settings={"projection.dropout": 0.1})
    >>> shown_names([row], {"projection.dropout": "p"})
    {'dropout=0.1, pool_size=8': 'p = 0.1, pool_size=8'}
    """
    found = {variant.name: ", ".join(_shown_parts(variant, labels)) for variant in variants}
    return found if len(set(found.values())) == len(found) else {name: name for name in found}


def as_number(value: Any) -> float | None:
    """Return a setting as a number; None if it is none (words, truth values, lists, nothing).

    Records write the numbers of a column that holds words as well as words, so numerals count.
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) != float("inf") and found == found else None


def settings_of(trials: "pd.DataFrame", variants: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Return every setting of each variant, as resolved.

    Args:
        trials: what `read_trials` returns with all columns.
        variants: ids of each variant's trials; they differ in seed and label split alone, so the first recorded one
            speaks for all; what they differ in is left out.

    Returns:
        Value by dotted key for each variant; nothing for a variant without a recorded trial.
    """
    columns = [column for column in trials.columns if column.startswith(SETTING_PREFIX)]
    rows = {str(row["trial_id"]): row for row in trials[["trial_id", *columns]].to_dict("records")}
    splits = [{_plain(rows[trial].get(_LABEL_SPLIT)) for trial in ids if trial in rows} for ids in variants.values()]
    left_out = {_SEED, *([_LABEL_SPLIT] if any(len(each) > 1 for each in splits) else [])}
    found: dict[str, dict[str, Any]] = {}
    for name, ids in variants.items():
        row = next((rows[trial] for trial in ids if trial in rows), {})
        found[name] = {
            column.removeprefix(SETTING_PREFIX): _plain(row[column])
            for column in columns
            if row and column not in left_out
        }
    return found


def varying_keys(settings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the keys whose values differ between variants; those without settings are passed over."""
    known = [own for own in settings if own]
    keys = known[0] if known else {}
    return tuple(key for key in keys if len({own[key] for own in known}) > 1)


def choice_words(choice: Choice, choices: Sequence[Choice], labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """Name a choice of settings by those that differ between the choices; a method by its name alone."""
    differing = [(key, value) for key, value in choice if len({dict(other).get(key) for other in choices}) > 1]
    if [key for key, _ in differing] == ["method"]:
        return str(differing[0][1])
    return ", ".join(f"{labels.get(key, key.rsplit('.', 1)[-1])} = {value}" for key, value in differing)


def _shown_parts(variant: PlannedVariant, labels: Mapping[str, str]) -> Iterator[str]:
    own = {word: labels[key] for key in variant.settings if key in labels for word in (key, key.rsplit(".", 1)[-1])}
    for part in variant.name.split(", "):
        key, equals, value = part.partition("=")
        yield f"{own[key]} = {value}" if equals and key in own else part


def _plain(value: Any) -> Any:
    """Return a value that can be compared and hashed; None where it is missing."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return tuple(_plain(part) for part in value)
    return None if value is None or value != value or str(value) == "<NA>" else value
