"""Which voxel size and which intensities suit a data set, each with its reason in plain words.

A rule is a function of the surveyed training scans. What a person asks for wins over a rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simcvd.data.preparation.source import ScanFolder
from simcvd.data.preparation.survey import ScanSurvey
from simcvd.errors import UserError
from simcvd.scans.normalisation import Channel, Normalisation
from simcvd.scans.preprocessing import Preprocessing, millimetres
from simcvd.scans.resampling import THICK_RATIO
from simcvd.scans.volume import Spacing

ORIENTATION = "RAS"
FINE_PERCENTILE = 10
"""Of the thick axis' voxel sizes in an anisotropic set: a finer one, so that thin slices lose little (nnU-Net's)."""
AIR_HU = -500
"""CT scans hold air, far below 0 Hounsfield units; no MR scan holds such numbers."""
ZERO_SHARE = 0.25
"""From this share of voxels that are exactly 0 on, the background was cut away and says nothing."""

NORMALISATIONS = "z-score, nonzero, window:LOWER,UPPER, percentiles or as-is"


class Chosen(NamedTuple):
    """What is chosen, and a sentence a choice."""

    preprocessing: Preprocessing
    reasons: tuple[str, ...]


def choose(source: ScanFolder, scans: Sequence[ScanSurvey], spacing: str | None, normalize: str | None) -> Chosen:
    """Choose what the source and the person leave open.

    Args:
        source: with what it fixes itself, and each channel's modality.
        scans: the training scans.
        spacing: `X,Y,Z` in mm or `keep`; none chooses.
        normalize: one of `NORMALISATIONS`; none chooses.

    Raises:
        UserError: an option that makes no sense or does not fit these scans.
    """
    size, why_size = _spacing(scans, spacing)
    normalisation, why_normalised = _normalisation(source, scans, normalize)
    made = Preprocessing(orientation=ORIENTATION, spacing_mm=size, normalisation=normalisation)
    return Chosen(made, (f"Orientation {ORIENTATION} for all scans.", why_size, why_normalised))


def parse_spacing(text: str) -> Spacing | None:
    """Return a voxel size in mm; none for `keep`.

    >>> parse_spacing("1,1,2.5")
    (1.0, 1.0, 2.5)

    Raises:
        UserError: neither three positive numbers nor `keep`.
    """
    if text == "keep":
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        x = y = z = 0.0
    if not all(0 < side < 1000 for side in (x, y, z)):
        raise UserError(f"--spacing is '{text}'; expected three voxel sizes in mm such as 1,1,2.5, or keep.")
    return x, y, z


def parse_normalisation(text: str) -> Normalisation:
    """Return what `--normalize` asks for; `percentiles` still lacks its numbers.

    Raises:
        UserError: a word that is not known, or a window that is none.
    """
    kind, _, numbers = text.partition(":")
    if kind == "window":
        try:
            lower, upper = (float(part) for part in numbers.split(","))
        except ValueError:
            lower = upper = 0.0
        if lower < upper:
            return Normalisation(kind="window", channels=(Channel(lower=lower, upper=upper),))
    elif not numbers and kind == "z-score":
        return Normalisation(kind="z_score")
    elif not numbers and kind == "nonzero":
        return Normalisation(kind="z_score_nonzero")
    elif not numbers and kind == "percentiles":
        return Normalisation(kind="percentiles")
    elif not numbers and kind == "as-is":
        return Normalisation(kind="as_is")
    raise UserError(f"--normalize is '{text}'; expected {NORMALISATIONS}.")


def _spacing(scans: Sequence[ScanSurvey], asked: str | None) -> tuple[Spacing | None, str]:
    if asked is not None:
        size = parse_spacing(asked)
        if size is None:
            return None, "Voxel size: each scan keeps its own, as asked; prediction expects scans of like voxels."
        return size, f"Voxel size {millimetres(size)}, as asked."
    if not all(scan.located for scan in scans) or not scans:
        return None, "Voxel size: kept, since the files do not say it."
    sizes = np.array([scan.spacing_mm for scan in scans])
    sides = np.array([scan.shape for scan in scans])
    middle = np.median(sizes, axis=0)
    thick = int(middle.argmax())
    others = [axis for axis in range(3) if axis != thick]
    few = np.median(sides, axis=0)
    anisotropic = middle[thick] > THICK_RATIO * middle[others].max() and few[thick] * THICK_RATIO < few[others].min()
    if anisotropic:
        # Never finer than the fine axes: that would only invent slices.
        middle[thick] = max(np.percentile(sizes[:, thick], FINE_PERCENTILE), middle[others].max())
    rounded = [float(f"{side:.6g}") for side in middle]
    size = (rounded[0], rounded[1], rounded[2])
    low, high = sizes.min(axis=0), sizes.max(axis=0)
    if np.allclose(low, high, rtol=1e-3):
        return size, f"Voxel size {millimetres(size)}, that of every training scan; scans of other sizes are resampled."
    spread = f"the training scans' go from {millimetres(tuple(low))} to {millimetres(tuple(high))}"
    rule = f"the median, along {'XYZ'[thick]}, the thick axis, the finest tenth" if anisotropic else "the median"
    return size, f"Voxel size {millimetres(size)} ({rule}; {spread})."


def _normalisation(source: ScanFolder, scans: Sequence[ScanSurvey], asked: str | None) -> tuple[Normalisation, str]:
    channels = len(scans[0].intensities) if scans else 1
    if asked is not None:
        wanted = parse_normalisation(asked)
        if wanted.kind == "percentiles":
            return _percentiles(scans), "Intensities: percentiles of the labelled foreground, as asked."
        if wanted.kind == "window":
            return wanted.model_copy(
                update={"channels": wanted.channels * channels}
            ), f"Intensities: {asked}, as asked."
        return wanted, f"Intensities: {asked}, as asked."
    change = "--normalize changes it"
    modality = source.modality
    ct = None
    if modality is not None and set(modality) == {"CT"}:
        ct = "the scans are CT"
    elif modality is None and channels == 1 and _look_like_ct(scans):
        ct = f"nine in ten scans hold values below {AIR_HU}, as air in CT has"
    if ct is not None:
        return _percentiles(scans), (
            "Intensities: clipped to the 0.5 and 99.5 percentiles of the labelled foreground and scaled by its mean "
            f"and deviation, since {ct}; {change}."
        )
    kind = ", ".join(dict.fromkeys(modality)) if modality else "no Hounsfield units"
    zeros = float(np.median([(scan.intensities == 0).mean() for scan in scans])) if scans else 0.0
    if zeros > ZERO_SHARE:
        return Normalisation(kind="z_score_nonzero"), (
            f"Intensities: z-score over the voxels that are not 0, since {zeros:.0%} of a scan are exactly 0; {change}."
        )
    return Normalisation(), f"Intensities: z-score over each scan ({kind}); {change}."


def _look_like_ct(scans: Sequence[ScanSurvey]) -> bool:
    return bool(scans) and sum(scan.intensities.min() <= AIR_HU for scan in scans) >= 0.9 * len(scans)


def _percentiles(scans: Sequence[ScanSurvey]) -> Normalisation:
    inside = [scan.foreground for scan in scans if scan.foreground is not None and scan.foreground.size]
    if not inside:
        raise UserError(
            "No labelled training scan has foreground to take percentiles from; choose intensities with --normalize."
        )
    channels = []
    for voxels in np.concatenate(inside, axis=1).astype(np.float64):
        lower, upper = (float(f"{side:.6g}") for side in np.percentile(voxels, [0.5, 99.5]))
        mean, std = float(f"{voxels.mean():.6g}"), float(f"{voxels.std():.6g}")
        if not (lower < upper and std > 0):
            raise UserError("The labelled foreground is constant; choose intensities with --normalize.")
        channels.append(Channel(lower=lower, upper=upper, mean=mean, std=std))
    return Normalisation(kind="percentiles", channels=tuple(channels))
