"""The cases of a sweep's qualitative figures: the best, the median and the worst, with the masks that were kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.comparison.metric import joined
from analysis.comparison.settings import shown_names
from analysis.errors import AnalysisError
from analysis.figures.cases.case_slices import QualitativeCase
from analysis.figures.comparison import Comparison, VariantValues
from analysis.runs.case_images import read_case_image
from analysis.runs.masks import masked_cases, read_mask
from analysis.runs.replicate import Replicate, in_order
from analysis.runs.sweep import PlannedVariant, Sweep

MOST_VARIANTS: Final = 7
"""Columns that are still wide enough to see a contour in."""


@dataclass(frozen=True)
class CasesOfSweep:
    """What the qualitative figures are drawn from.

    Attributes:
        cases: the best, the median and the worst; none where there is nothing to draw.
        variants: the columns, the one that the cases were chosen by first.
        remarks: how they were chosen and what was left out, in sentences; without cases: why there are none.
    """

    cases: tuple[QualitativeCase, ...]
    variants: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Masked:
    """A trial that has masks, and its score of each case that it has a mask and a value of."""

    variant: str
    replicate: Replicate
    trial: str
    scores: Mapping[str, float]


def read_cases_of_sweep(runs: Path, sweep: Sweep, comparison: Comparison, dataset: Path | None = None) -> CasesOfSweep:
    """Choose cases and variants, and read their images and masks.

    The cases are the best, the median (the worse of the middle two) and the worst of the reference's first seed that
    has masks; without a reference, of the first variant that has any. Every variant shows its masks of the same seed,
    or else of its first seed that has masks.

    Args:
        runs: the runs folder.
        sweep: the sweep.
        comparison: its values.
        dataset: the data set folder; None takes the one that the sweep ran on.

    Raises:
        AnalysisError: `dataset` is no data set, or a file is damaged or does not fit the others.
    """
    if dataset is not None and not (dataset / "cases").is_dir():
        raise AnalysisError(f"There is no data set in {dataset}; give the folder that the sweep {sweep.name} ran on.")
    called = shown_names(sweep.variants, sweep.labels)
    planned = {called[variant.name]: variant for variant in sweep.variants}
    masked = {own.name: _masked(runs, planned[own.name], own, comparison.cases) for own in comparison.variants}
    having = {name: trials for name, trials in masked.items() if trials}
    chosen_by = comparison.reference if comparison.reference is not None else next(iter(having), None)
    if chosen_by is None or chosen_by not in having:
        whose = "no trial" if comparison.reference is None else f"no trial of {comparison.reference}"
        return _nothing(f"{whose} has kept masks of cases with a {comparison.metric.label}")
    folder = dataset or sweep.dataset_folder
    if folder is None or not (folder / "cases").is_dir():
        place = "its place is not recorded" if folder is None else f"there is none in {folder}"
        return _nothing(f"their images are in the data set and {place}; say where it is with --dataset")
    first = having[chosen_by][0]
    shown = [first]
    for name in [name for name in having if name != chosen_by][: MOST_VARIANTS - 1]:
        shown.append(next((own for own in having[name] if own.replicate == first.replicate), having[name][0]))
    roles = pick_cases(first.scores, comparison.metric.higher_is_better)
    remarks = [f"Cases chosen by the {comparison.metric.label} of {first.variant}, {first.replicate}."]
    if others := [f"{own.variant} {own.replicate}" for own in shown if own.replicate != first.replicate]:
        remarks.append(f"Masks of another seed: {joined(others)}.")
    if crowded := [name for name in having if name not in {own.variant for own in shown}]:
        remarks.append(f"Left out for want of room: {joined(crowded)}.")
    if without := [name for name in masked if name not in having]:
        remarks.append(f"Left out for want of masks: {joined(without)}.")
    cases = tuple(_read(runs, folder, name, role, shown) for name, role in roles.items())
    return CasesOfSweep(cases, tuple(own.variant for own in shown), tuple(remarks))


def pick_cases(scores: Mapping[str, float], higher_is_better: bool) -> dict[str, str]:
    """Return the role of the best, the median (the worse of the middle two) and the worst case, in this order.

    >>> pick_cases({"a": 0.7, "b": 0.9, "c": 0.8, "d": 0.6}, higher_is_better=True)
    {'b': 'best', 'a': 'median', 'd': 'worst'}

    Of two cases there is no median, and one alone has no role.
    """
    order = sorted(scores, key=lambda case: scores[case], reverse=higher_is_better)
    if len(order) < 2:
        return dict.fromkeys(order, "")
    middle = {order[len(order) // 2]: "median"} if len(order) > 2 else {}
    return {order[0]: "best"} | middle | {order[-1]: "worst"}


def _masked(runs: Path, variant: PlannedVariant, own: VariantValues, cases: Sequence[str]) -> list[_Masked]:
    """Return the trials of a variant that have masks, by replicate."""
    found = []
    for replicate in in_order(own.by_replicate):
        trial, values = variant.trials[replicate], own.by_replicate[replicate]
        kept = set(masked_cases(runs, trial))
        scores = {case: value for case, value in zip(cases, values.tolist(), strict=True) if value == value}
        if shown := {case: value for case, value in scores.items() if case in kept}:
            found.append(_Masked(own.name, replicate, trial, shown))
    return found


def _read(runs: Path, dataset: Path, name: str, role: str, trials: Sequence[_Masked]) -> QualitativeCase:
    found = read_case_image(dataset, name)
    if found is None or found.label is None:
        lacking = "case" if found is None else "label of case"
        raise AnalysisError(f"The data set {dataset} has no {lacking} {name}; give the one that the sweep ran on.")
    masks = {own.variant: read_mask(runs, own.trial, name) for own in trials}
    predictions = {variant: mask for variant, mask in masks.items() if mask is not None}
    for mask in predictions.values():
        if mask.shape != found.image.shape:
            raise AnalysisError(
                f"Case {name} has {_voxels(found.image.shape)} voxels in {dataset} but {_voxels(mask.shape)} in the "
                "sweep's masks; give the data set that the sweep ran on."
            )
    return QualitativeCase(
        name=name,
        role=role,
        image=found.image,
        reference=found.label,
        predictions=predictions,
        spacing_mm=found.spacing_mm,
        scores={own.variant: own.scores[name] for own in trials if name in own.scores},
    )


def _voxels(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _nothing(reason: str) -> CasesOfSweep:
    return CasesOfSweep((), (), (f"Slices and surfaces left out: {reason}.",))
