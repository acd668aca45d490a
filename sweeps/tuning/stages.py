"""The sweeps that a tuning is made of; each goes on where it was cut off, as any sweep does."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simcvd.metrics.names import MetricName
from sweeps.definition.search_space import Space, Strategy
from sweeps.definition.sweep_file import SweepFile
from sweeps.definition.variant_entry import DEFAULT_ROW, VariantEntry
from sweeps.tuning.request import SUPERVISED

ALSO: Final[tuple[MetricName, ...]] = ("jaccard", "hd95_mm", "asd_mm")
TUNED: Final = "tuned"
FINAL: Final = "final"
SEARCH_SEED: Final = 0
"""Seed of all trainings that choose; those that compare and the final ones have fresh ones."""


def default_row(method: str) -> str:
    """Return the name of a method's row at its defaults."""
    return method if method == SUPERVISED else f"{method} default"


def fresh_seeds(count: int) -> list[int]:
    """Return seeds that nothing was chosen with."""
    return list(range(SEARCH_SEED + 1, SEARCH_SEED + 1 + count))


def placeholder(name: str) -> SweepFile:
    """Return a sweep that is never run; it names the tuning where a request needs a sweep."""
    return SweepFile(name=name, variants=[VariantEntry(name=DEFAULT_ROW)])


def baseline_sweep(name: str, methods: Sequence[str], folds: int) -> SweepFile:
    """Return the methods at their defaults, scored on val cases and, with folds, on each held-out part.

    Args:
        name: of the sweep.
        methods: supervised training among them, where it is wanted.
        folds: parts of the labelled cases; 0 for none.
    """
    rows = [
        VariantEntry(name=default_row(method) + told, set={"method": method} | held_out)
        for method in methods
        for told, held_out in _parts(folds)
    ]
    return SweepFile(name=name, description="Methods at their defaults", variants=rows, seeds=[SEARCH_SEED])


def search_sweep(
    name: str, method: str, space: Mapping[str, Space], strategy: Mapping[str, Any], folds: int
) -> SweepFile:
    """Return the search of a method's settings; what compares on fresh seeds is another sweep.

    Args:
        name: of the sweep.
        method: whose settings.
        space: range of each.
        strategy: trials, sampler, start and so on.
        folds: parts of the labelled cases; 0: val cases choose, and trainings are stopped on their way.
    """
    own: dict[str, Any] = {"fidelity": "folds", "folds": folds, "pruner": "wilcoxon"} if folds else {}
    return SweepFile(
        name=name,
        description=f"Settings of {method}",
        base={"method": method},
        search=dict(space),
        strategy=Strategy(**{"confirm_seeds": 0, **own, **strategy}),
        seeds=[SEARCH_SEED],
    )


def confirm_sweep(
    name: str, methods: Sequence[str], chosen: str, tuned: Mapping[str, Any] | None, seeds: int
) -> SweepFile:
    """Return the comparison on fresh seeds: every method that was compared, and the tuned one.

    Args:
        name: of the sweep.
        methods: at their defaults, supervised training among them, where it is wanted.
        chosen: the method that was searched; its default is the reference.
        tuned: its best settings; None where they are its default.
        seeds: how many.
    """
    rows = [VariantEntry(name=default_row(method), set={"method": method}) for method in methods]
    if tuned is not None:
        rows.append(VariantEntry(name=TUNED, set={"method": chosen, **tuned}))
    return SweepFile(
        name=name,
        description="Tuned against default on fresh seeds",
        variants=rows,
        reference=default_row(chosen),
        seeds=fresh_seeds(seeds),
        also=list(ALSO),
    )


def final_sweep(name: str, method: str, settings: Mapping[str, Any], count: int) -> SweepFile:
    """Return the trainings on all labelled cases, val cases among them.

    Args:
        name: of the sweep.
        method: the chosen one.
        settings: its settings beside the defaults.
        count: trainings, each with a seed of its own.
    """
    row = VariantEntry(name=FINAL, set={"method": method, **settings, "data.train_on_val": True})
    return SweepFile(
        name=name,
        description="Trained on all labelled cases",
        variants=[row],
        seeds=fresh_seeds(count),
        also=list(ALSO),
    )


def _parts(folds: int) -> list[tuple[str, dict[str, Any]]]:
    if not folds:
        return [("", {})]
    return [(f", fold {fold + 1} of {folds}", {"data.fold": [fold, folds]}) for fold in range(folds)]
