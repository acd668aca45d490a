"""How many labelled and unlabelled cases each variant was trained on, as Table I shows them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.runs.records import SETTING_PREFIX

if TYPE_CHECKING:
    import pandas as pd

    from analysis.runs.sweep import Sweep

LABELED: Final = f"{SETTING_PREFIX}data.labeled"
_OTHERWISE: Final = (f"{SETTING_PREFIX}data.fold", f"{SETTING_PREFIX}data.train_on_val")
"""Settings that take cases out of training, or add some; of how many, nothing says here."""
COLUMNS: Final = ("method", LABELED, *_OTHERWISE)
"""Columns of the trial records that this reads."""

_READS_NO_UNLABELED: Final = "supervised"


@dataclass(frozen=True)
class TrainingCases:
    """Cases that a variant's trials were trained on; None where it is not known.

    Attributes:
        labeled: cases with a label.
        unlabeled: cases without; 0 for supervised training, which reads none.
    """

    labeled: int | None = None
    unlabeled: int | None = None


def training_cases(sweep: "Sweep", trials: "pd.DataFrame") -> dict[str, TrainingCases]:
    """Tell the training cases of each variant, from its trials' records and from what the sweep recorded.

    Of a sweep that recorded nothing, the data set is asked, where it still is.

    Args:
        sweep: the sweep.
        trials: records of its trials, at least `trial_id` and `COLUMNS`.
    """
    known = {}
    for trial, method, labeled, *otherwise in zip(
        *(_column(trials, name) for name in ("trial_id", *COLUMNS)), strict=True
    ):
        known[trial] = None if any(map(_is_set, otherwise)) else (method, labeled)
    splits = sweep.training_cases or _training_splits(sweep.dataset_folder)
    found = {}
    for variant in sweep.variants:
        each = [known[trial] for trial in variant.trials.values() if trial in known]
        own = {TrainingCases() if found_of is None else _cases(*found_of, splits) for found_of in each}
        found[variant.name] = own.pop() if len(own) == 1 else TrainingCases()
    return found


def differ(cases: Iterable[TrainingCases]) -> bool:
    """Tell whether a table has reason to show them: they are known and not the same in every row."""
    known = {each for each in cases if each.labeled is not None}
    return len(known) > 1


def _column(trials: "pd.DataFrame", name: str) -> Sequence[object]:
    values: list[object] = trials[name].tolist() if name in trials.columns else [None] * len(trials)
    return values


def _training_splits(folder: Path | None) -> Mapping[str, int] | None:
    try:
        splits = json.loads((folder / "dataset.json").read_text())["splits"] if folder else None
        return None if splits is None else {name: len(splits[f"train_{name}"]) for name in ("labeled", "unlabeled")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_set(value: object) -> bool:
    return str(value) not in {"None", "nan", "<NA>", "False"}


def _cases(method: object, labeled: object, splits: Mapping[str, int] | None) -> TrainingCases:
    total = sum(splits.values()) if splits else None
    if labeled == "all":
        count = total
    elif labeled is None or labeled != labeled or str(labeled) in {"<NA>", "None"}:
        count = splits["labeled"] if splits else None
    else:
        count = int(str(labeled).split(".")[0]) if str(labeled).split(".")[0].isdigit() else None
    if method == _READS_NO_UNLABELED:
        return TrainingCases(count, 0)
    return TrainingCases(count, None if total is None or count is None else total - count)
