"""Which table rows the trials of a sweep stand in: of a sweep that includes others, one trial may serve several."""

from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.definition.catalogue import SweepFile, dotted
from sweeps.definition.expand import Variant, expand


def headings_of(
    sweep: SweepFile,
    variants: Sequence[Variant],
    dataset_digest: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    seeds: Sequence[int] | None = None,
    label_splits: Sequence[int] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Return the headings under which each variant has a row, by the variant's name.

    Args:
        sweep: the sweep file.
        variants: what `expand` made of it, with the same arguments.
        dataset_digest: as for `expand`.
        overrides: as for `expand`.
        preset: as for `expand`.
        seeds: as for `expand`.
        label_splits: as for `expand`.
    """
    if sweep.include is None:
        return {variant.name: (variant.group or sweep.name,) for variant in variants}
    names = {variant.trials[0].id: variant.name for variant in variants}
    headings: dict[str, list[str]] = {variant.name: [] for variant in variants}
    for row in sweep.rows:
        alone = sweep.model_copy(update={"variants": [row], "include": None, "reference": None})
        taken = {key: value for key, value in dotted(overrides or {}).items() if key not in row.set}
        (variant,) = expand(alone, dataset_digest, taken, preset=preset, seeds=seeds, label_splits=label_splits)
        headings[names[variant.trials[0].id]].append(row.group or sweep.name)
    return {name: tuple(found) for name, found in headings.items()}
