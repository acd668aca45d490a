"""From a sweep file to its trials, each with the identity that its results carry."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcvd.config import TrialConfig, apply_settings, config_hash, load_preset, trial_id
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.definition import PRESET, SweepFile, dotted

DEFAULT_PRESET = "la"


@dataclass(frozen=True)
class TrialSpec:
    """One trial: a variant with a seed.

    Attributes:
        id: `simcvd.config.trial_id` of `config` and the data set.
        config: all settings, resolved.
        variant: the variant's name.
        seed: the trial's seed.
    """

    id: str
    config: TrialConfig
    variant: str
    seed: int


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: the row's name.
        settings: what sets it apart from the others, dotted keys.
        trials: one per seed.
        reference: whether the others are tested against it.
    """

    name: str
    settings: Mapping[str, Any]
    trials: tuple[TrialSpec, ...]
    reference: bool = False


def expand(
    sweep: SweepFile,
    dataset_digest: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    seeds: Sequence[int] | None = None,
) -> list[Variant]:
    """Resolve a sweep to its variants and trials.

    Later ones win: preset, the sweep's base, `overrides`, the variant's settings, the seed. An override that no variant
    would take is refused; where only some variants set the key, these keep their value and the others take it.

    Args:
        sweep: the sweep file.
        dataset_digest: `DatasetInfo.digest`.
        overrides: dotted settings for all variants that don't set them themselves.
        preset: taken in place of the sweep's own.
        seeds: taken in place of the sweep's own.

    Raises:
        UserError: a setting is unknown, out of range, or overridden though every variant sets it; two variants are the
            same; the reference is not exactly one variant.
    """
    changes = dotted(overrides or {})
    if both := sorted(sweep.set_by_all & changes.keys()):
        raise UserError(
            f"{', '.join(both)} is varied by the sweep {sweep.name} and can't be set for all of it as well; "
            "drop it from --set, or write a sweep file without it."
        )
    if "seed" in {*changes, *sweep.swept, *sweep.base}:
        raise UserError(f"seed is given as a setting in the sweep {sweep.name}; name seeds under seeds or --seeds.")
    shared = {key: value for key, value in sweep.base.items() if key != PRESET}
    base = load_preset(str(preset or sweep.base.get(PRESET, DEFAULT_PRESET)))
    base = apply_settings(base, shared | changes)

    rows = {name: apply_settings(base, settings) for name, settings in _rows(sweep)}
    _refuse_doubles(sweep, rows, dataset_digest, changes)
    reference = _reference(sweep, base, rows)
    return [
        Variant(
            name=name,
            settings=settings,
            trials=tuple(_trial(rows[name], name, seed, dataset_digest) for seed in (seeds or sweep.seeds)),
            reference=name == reference,
        )
        for name, settings in _rows(sweep)
    ]


def all_trials(variants: Sequence[Variant]) -> list[TrialSpec]:
    """Return every trial, seed by seed, so that an early look at a sweep compares all variants."""
    by_seed = itertools.zip_longest(*(variant.trials for variant in variants))
    return [trial for group in by_seed for trial in group if trial is not None]


def resolved(
    sweep: SweepFile,
    variants: Sequence[Variant],
    overrides: Mapping[str, Any] | None = None,
    *,
    dataset_name: str,
    dataset_digest: str,
    dataset_path: str,
) -> dict[str, Any]:
    """Return what `sweeps/NAME/sweep.yaml` holds: variants and their trial ids, in JSON types."""
    return {
        "name": sweep.name,
        "description": sweep.description,
        "metric": sweep.metric,
        "also": list(sweep.also),
        "reference": next((variant.name for variant in variants if variant.reference), None),
        "dataset": {"name": dataset_name, "digest": dataset_digest, "path": dataset_path},
        "seeds": [trial.seed for trial in variants[0].trials],
        "published": sweep.published,
        "overrides": dotted(overrides or {}),
        "variants": [
            {
                "name": variant.name,
                "set": dict(variant.settings),
                "trials": [{"seed": trial.seed, "id": trial.id} for trial in variant.trials],
            }
            for variant in variants
        ],
    }


def _rows(sweep: SweepFile) -> list[tuple[str, dict[str, Any]]]:
    if sweep.variants is not None:
        return [(variant.name, variant.set) for variant in sweep.variants]
    axes = sweep.axes or {}
    labels = {key: _short(key, axes) for key in axes}
    rows = []
    for values in itertools.product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        rows.append((", ".join(f"{labels[key]}={_shown(value)}" for key, value in settings.items()), settings))
    return rows


def _short(key: str, axes: Mapping[str, Any]) -> str:
    last = key.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in axes) == 1 else key


def _shown(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _trial(config: TrialConfig, variant: str, seed: int, dataset_digest: str) -> TrialSpec:
    config = apply_settings(config, {"seed": seed})
    return TrialSpec(trial_id(config, dataset_digest), config, variant, seed)


def _refuse_doubles(
    sweep: SweepFile, rows: Mapping[str, TrialConfig], dataset_digest: str, changes: Mapping[str, Any]
) -> None:
    if len(rows) < len(_rows(sweep)):
        raise UserError(f"A value is listed twice in the axes of the sweep {sweep.name}; list each once.")
    names: dict[str, str] = {}
    for name, config in rows.items():
        first = names.setdefault(config_hash(config, dataset_digest), name)
        if first != name:
            cause = f", or change what is set for all ({', '.join(changes)})" if changes else ""
            raise UserError(
                f"The variants '{first}' and '{name}' of the sweep {sweep.name} are one trial; drop one{cause}."
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
