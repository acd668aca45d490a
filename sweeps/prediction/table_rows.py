"""Which table rows the trials of a sweep stand in: of a sweep that includes others, one trial may serve several."""

from collections.abc import Sequence
from dataclasses import replace

from simcvd.nested import dotted
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import NO_CHANGES, Changes
from sweeps.definition.expand import Variant, expand


def headings_of(
    sweep: SweepFile,
    variants: Sequence[Variant],
    dataset_digest: str,
    changes: Changes = NO_CHANGES,
) -> dict[str, tuple[str, ...]]:
    """Return the headings under which each variant has a row, by the variant's name.

    Args:
        sweep: the sweep file.
        variants: what `expand` made of it, with the same arguments.
        dataset_digest: as for `expand`.
        changes: as for `expand`.
    """
    if sweep.include is None:
        return {variant.name: (variant.group or sweep.name,) for variant in variants}
    names = {variant.trials[0].id: variant.name for variant in variants}
    headings: dict[str, list[str]] = {variant.name: [] for variant in variants}
    for row in sweep.rows:
        alone = sweep.model_copy(update={"variants": [row], "include": None, "reference": None})
        taken = {key: value for key, value in dotted(changes.overrides).items() if key not in row.set}
        (variant,) = expand(alone, dataset_digest, replace(changes, overrides=taken))
        headings[names[variant.trials[0].id]].append(row.group or sweep.name)
    return {name: tuple(found) for name, found in headings.items()}
