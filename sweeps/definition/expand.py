"""From a sweep file to its trials, each with the identity that its results carry."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcvd.config import TrialConfig, apply_settings, config_hash, load_preset, trial_id
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from simcvd.nested import dotted
from sweeps.definition.axes import MOST_TRAININGS
from sweeps.definition.changes import NO_CHANGES, Changes
from sweeps.definition.sweep_file import LABEL_SPLIT, SweepFile
from sweeps.definition.variant_entry import VariantEntry


@dataclass(frozen=True)
class TrialSpec:
    """One trial: a variant with a seed, and with a draw of the labelled cases where a sweep has several.

    Attributes:
        id: `simcvd.config.trial_id` of `config` and the data set.
        config: all settings, resolved.
        variant: the variant's name.
        seed: the trial's seed.
        label_split: the sweep's label split that it stands for; None in a sweep without. A variant that is trained with
            all labels has one trial for all label splits.
    """

    id: str
    config: TrialConfig
    variant: str
    seed: int
    label_split: int | None = None


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: the row's name.
        settings: what sets it apart from the others, dotted keys.
        trials: one per replicate: per seed, or per seed and label split.
        reference: whether the others are tested against it.
        group: heading that it stands under, if any.
        published: its row in the published table, where that has another name.
    """

    name: str
    settings: Mapping[str, Any]
    trials: tuple[TrialSpec, ...]
    reference: bool = False
    group: str | None = None
    published: str | None = None


def expand(
    sweep: SweepFile,
    dataset_digest: str,
    changes: Changes = NO_CHANGES,
) -> list[Variant]:
    """Resolve a sweep to its variants and trials.

    Later ones win: preset, the sweep's base, the command's overrides, the variant's settings, the seed and the label
    split. An override that no variant would take is refused; where only some variants set the key, these keep their
    value and the others take it. A sweep that includes others has each variant once, where it comes first.

    Args:
        sweep: the sweep file.
        dataset_digest: `DatasetInfo.digest`.
        changes: what the command changes.

    Raises:
        UserError: a setting is unknown, out of range, or overridden though every variant sets it; two variants are the
            same; the reference is not exactly one variant; the labelled cases are drawn in two ways; there are more
            than `MOST_TRAININGS`.
    """
    overrides = dotted(changes.overrides)
    if both := sorted(sweep.set_by_all & overrides.keys()):
        raise UserError(
            f"{', '.join(both)} is varied by the sweep {sweep.name} and can't be set for all of it as well; "
            "drop it from --set, or write a sweep file without it."
        )
    if "seed" in {*overrides, *sweep.swept, *sweep.base}:
        raise UserError(f"seed is given as a setting in the sweep {sweep.name}; name seeds under seeds or --seeds.")
    splits = changes.label_splits or sweep.label_splits
    if splits is not None:
        _check_label_splits(sweep, overrides)
    base = apply_settings(load_preset(changes.preset or sweep.preset, changes.plan), sweep.base_settings | overrides)

    entries, seeds = sweep.rows_on(flatten(base)), changes.seeds or sweep.seeds
    if (trainings := len(entries) * len(seeds) * len(splits or (None,))) > MOST_TRAININGS:
        raise UserError(
            f"The sweep {sweep.name} would have {trainings:,} trainings, and {MOST_TRAININGS:,} at most are planned; "
            "take fewer values, seeds or label splits, or make several sweeps."
        )
    rows = [(row, _configured(sweep, base, row)) for row in entries]
    if sweep.include is not None:
        rows = _each_once(rows, dataset_digest)
    _refuse_doubles(sweep, rows, dataset_digest, overrides)
    reference = _reference(sweep, base, {row.name: config for row, config in rows})
    replicates = [(seed, split) for seed in seeds for split in splits or (None,)]
    return [
        Variant(
            name=row.name,
            settings=row.set,
            trials=tuple(_trial(config, row.name, *replicate, dataset_digest) for replicate in replicates),
            reference=row.name == reference,
            group=row.group,
            published=row.published,
        )
        for row, config in rows
    ]


def all_trials(variants: Sequence[Variant]) -> list[TrialSpec]:
    """Return every trial once, seed by seed, so that an early look at a sweep compares all variants."""
    by_seed = itertools.zip_longest(*(variant.trials for variant in variants))
    once: dict[str, TrialSpec] = {}
    for trial in itertools.chain.from_iterable(by_seed):
        if trial is not None:
            once.setdefault(trial.id, trial)
    return list(once.values())


_Row = tuple[VariantEntry, TrialConfig]


def _each_once(rows: Sequence[_Row], dataset_digest: str) -> list[_Row]:
    """Leave out what an earlier row trains already."""
    first: dict[str, _Row] = {}
    for row in rows:
        first.setdefault(config_hash(row[1], dataset_digest), row)
    return list(first.values())


def _configured(sweep: SweepFile, base: TrialConfig, row: VariantEntry) -> TrialConfig:
    try:
        return apply_settings(base, row.set)
    except UserError as error:
        raise UserError(f"The variant '{row.name}' of the sweep {sweep.name} can't be: {error}") from error


def _check_label_splits(sweep: SweepFile, changes: Mapping[str, Any]) -> None:
    if sweep.search is not None:
        raise UserError(
            f"The sweep {sweep.name} is a search, which has one draw of labelled cases; leave out --label-splits."
        )
    if LABEL_SPLIT in {*changes, *sweep.swept, *sweep.base}:
        raise UserError(
            f"{LABEL_SPLIT} is given as a setting of the sweep {sweep.name}, which has label splits as well; "
            "keep one of them."
        )


def _trial(config: TrialConfig, variant: str, seed: int, label_split: int | None, dataset_digest: str) -> TrialSpec:
    # Where all labels are used there is nothing to draw, and the trial is the same for every label split.
    drawn = {} if label_split is None or config.data.labeled == "all" else {LABEL_SPLIT: label_split}
    config = apply_settings(config, {"seed": seed} | drawn)
    return TrialSpec(trial_id(config, dataset_digest), config, variant, seed, label_split)


def _refuse_doubles(sweep: SweepFile, rows: Sequence[_Row], dataset_digest: str, changes: Mapping[str, Any]) -> None:
    for name, count in Counter(row.name for row, _ in rows).items():
        if count > 1 and sweep.include is not None:
            raise UserError(f"The sweep {sweep.name} includes {count} different variants called '{name}'; rename them.")
        if count > 1:
            raise UserError(f"A value is listed twice in the axes of the sweep {sweep.name}; list each once.")
    names: dict[str, str] = {}
    for row, config in rows:
        first = names.setdefault(config_hash(config, dataset_digest), row.name)
        if first != row.name:
            cause = f", or change what is set for all ({', '.join(changes)})" if changes else ""
            raise UserError(
                f"The variants '{first}' and '{row.name}' of the sweep {sweep.name} are one trial; drop one{cause}."
            )


def _reference(sweep: SweepFile, base: TrialConfig, rows: Mapping[str, TrialConfig]) -> str | None:
    if sweep.reference is None:
        return None
    if isinstance(sweep.reference, str):
        found = [name for name in rows if name == sweep.reference]
        told = f"'{sweep.reference}'"
    else:
        keys = dotted(sweep.reference)
        wanted = flatten(apply_settings(base, keys))
        found = [name for name, config in rows.items() if all(flatten(config)[key] == wanted[key] for key in keys)]
        told = ", ".join(f"{key} = {value}" for key, value in keys.items())
    if len(found) != 1:
        raise UserError(
            f"The reference {told} of the sweep {sweep.name} fits {len(found)} variants, expected one of: "
            f"{', '.join(rows)}."
        )
    return found[0]
