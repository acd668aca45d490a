"""From a sweep file to its trials, each with the identity that its results carry."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcvd.config import TrialConfig, apply_settings, config_hash, load_preset, trial_id
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.definition.sweep_file import LABEL_SPLIT, SweepFile
from sweeps.definition.variant_entry import VariantEntry, dotted


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
    overrides: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    seeds: Sequence[int] | None = None,
    label_splits: Sequence[int] | None = None,
) -> list[Variant]:
    """Resolve a sweep to its variants and trials.

    Later ones win: preset, the sweep's base, `overrides`, the variant's settings, the seed and the label split. An
    override that no variant would take is refused; where only some variants set the key, these keep their value and the
    others take it. A sweep that includes others has each variant once, where it comes first.

    Args:
        sweep: the sweep file.
        dataset_digest: `DatasetInfo.digest`.
        overrides: dotted settings for all variants that don't set them themselves.
        preset: taken in place of the sweep's own.
        seeds: taken in place of the sweep's own.
        label_splits: taken in place of the sweep's own.

    Raises:
        UserError: a setting is unknown, out of range, or overridden though every variant sets it; two variants are the
            same; the reference is not exactly one variant; the labelled cases are drawn in two ways.
    """
    changes = dotted(overrides or {})
    if both := sorted(sweep.set_by_all & changes.keys()):
        raise UserError(
            f"{', '.join(both)} is varied by the sweep {sweep.name} and can't be set for all of it as well; "
            "drop it from --set, or write a sweep file without it."
        )
    if "seed" in {*changes, *sweep.swept, *sweep.base}:
        raise UserError(f"seed is given as a setting in the sweep {sweep.name}; name seeds under seeds or --seeds.")
    splits = label_splits or sweep.label_splits
    if splits is not None:
        _check_label_splits(sweep, changes)
    base = apply_settings(load_preset(preset or sweep.preset), sweep.base_settings | changes)

    rows = [(row, _configured(sweep, base, row)) for row in sweep.rows_on(flatten(base))]
    if sweep.include is not None:
        rows = _each_once(rows, dataset_digest)
    _refuse_doubles(sweep, rows, dataset_digest, changes)
    reference = _reference(sweep, base, {row.name: config for row, config in rows})
    replicates = [(seed, split) for seed in seeds or sweep.seeds for split in splits or (None,)]
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


def resolved(
    sweep: SweepFile,
    variants: Sequence[Variant],
    overrides: Mapping[str, Any] | None = None,
    *,
    dataset_name: str,
    dataset_digest: str,
    dataset_path: str,
    labeled_cases: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return what `sweeps/NAME/sweep.yaml` holds: variants and their trial ids, in JSON types.

    Args:
        sweep: the sweep file.
        variants: what `expand` made of it.
        overrides: settings that the command gave for all variants.
        dataset_name: the data set's name.
        dataset_digest: its digest.
        dataset_path: where it is.
        labeled_cases: what `sweeps.definition.label_splits.labeled_cases` returns.
    """
    return {
        "name": sweep.name,
        "description": sweep.description,
        "metric": sweep.metric,
        "also": list(sweep.also),
        "reference": next((variant.name for variant in variants if variant.reference), None),
        "dataset": {"name": dataset_name, "digest": dataset_digest, "path": dataset_path},
        "seeds": list(dict.fromkeys(trial.seed for trial in variants[0].trials)),
        **({"label_splits": [dict(each) for each in labeled_cases]} if labeled_cases else {}),
        "published": sweep.published,
        "overrides": dotted(overrides or {}),
        "variants": [
            {
                "name": variant.name,
                "group": variant.group,
                "published": variant.published,
                "set": dict(variant.settings),
                "trials": [_entry(trial) for trial in variant.trials],
            }
            for variant in variants
        ],
    }


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


def _entry(trial: TrialSpec) -> dict[str, Any]:
    split = {} if trial.label_split is None else {"label_split": trial.label_split}
    return {"seed": trial.seed, **split, "id": trial.id}


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
