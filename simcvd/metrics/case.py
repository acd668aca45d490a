"""All scores of one case (sec. IV)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcvd.labels import IGNORED
from simcvd.metrics.names import SURFACE_DICES, TOLERANCES_MM
from simcvd.metrics.overlap import counts, dice_of_counts, jaccard_of_counts
from simcvd.metrics.surface import surface_distances


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """Scores of one foreground class in one case; NaN means missing.

    Distances are missing, never 0, where the prediction or the reference is empty; Dice, Jaccard and the surface Dice
    are 0 if one of the two is empty and missing if both are.

    Attributes:
        dice: in [0, 1].
        jaccard: in [0, 1].
        hd95_vox: 95th percentile of the surface distances of both directions, pooled, in voxels.
        asd_vox: mean distance from the prediction's surface to the reference's, in voxels.
        assd_vox: mean surface distance of both directions, pooled, in voxels.
        hd95_mm: `hd95_vox` in millimetres, by the case's spacing.
        asd_mm: `asd_vox` in millimetres.
        assd_mm: `assd_vox` in millimetres.
        nsd_1mm: surface Dice, the share of both surfaces within 1 mm of the other one, in [0, 1]; the others likewise.
        nsd_2mm: within 2 mm.
        nsd_3mm: within 3 mm.
        nsd_4mm: within 4 mm.
        nsd_5mm: within 5 mm.
        predicted_voxels: size of the predicted mask.
        reference_voxels: size of the reference mask.
        empty_prediction: nothing was predicted.
        empty_reference: nothing is there.
    """

    dice: float
    jaccard: float
    hd95_vox: float
    asd_vox: float
    assd_vox: float
    hd95_mm: float
    asd_mm: float
    assd_mm: float
    nsd_1mm: float
    nsd_2mm: float
    nsd_3mm: float
    nsd_4mm: float
    nsd_5mm: float
    predicted_voxels: int
    reference_voxels: int
    empty_prediction: bool
    empty_reference: bool


def score_case(
    prediction: NDArray[np.integer],
    reference: NDArray[np.integer],
    classes: int,
    spacing_mm: tuple[float, float, float],
    threads: int = 1,
) -> list[ClassScore]:
    """Score a predicted label volume against its reference, class by class.

    Where the reference is `IGNORED`, both volumes are background: such voxels belong to no mask, and a surface that
    meets them ends there, in the prediction as in the reference.

    Args:
        prediction: class ids `[X, Y, Z]`, 0 is background.
        reference: class ids `[X, Y, Z]`, `IGNORED` where nobody says what is there.
        classes: K, the number of foreground classes.
        spacing_mm: voxel size along X, Y and Z.
        threads: threads of the distance search.

    Returns:
        One score for each class 1 to K.

    Raises:
        ValueError: the volumes differ in shape or are not three-dimensional.
    """
    if classes < IGNORED and reference.shape == prediction.shape and (reference == IGNORED).any():
        counted = reference != IGNORED
        prediction, reference = prediction * counted, reference * counted
    scores = []
    for class_id in range(1, classes + 1):
        masks = prediction == class_id, reference == class_id
        voxels, millimetres = surface_distances(*masks, [(1.0, 1.0, 1.0), spacing_mm], threads, TOLERANCES_MM)
        common, predicted, present = counts(*masks)
        scores.append(
            ClassScore(
                dice=dice_of_counts(common, predicted, present),
                jaccard=jaccard_of_counts(common, predicted, present),
                hd95_vox=voxels.hd95,
                asd_vox=voxels.asd,
                assd_vox=voxels.assd,
                hd95_mm=millimetres.hd95,
                asd_mm=millimetres.asd,
                assd_mm=millimetres.assd,
                **_surface_dices(millimetres.nsd, predicted + present),
                predicted_voxels=predicted,
                reference_voxels=present,
                empty_prediction=predicted == 0,
                empty_reference=present == 0,
            )
        )
    return scores


def _surface_dices(found: tuple[float, ...], voxels: int) -> dict[str, float]:
    """Name the surface Dices; where a mask is empty, they are 0, or missing if both are."""
    known = found or (0.0 if voxels else float("nan"),) * len(SURFACE_DICES)
    return dict(zip(SURFACE_DICES, known, strict=True))
