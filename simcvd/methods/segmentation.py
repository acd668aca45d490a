"""The loss on labelled crops that all methods share."""

from collections.abc import Callable, Mapping

from torch import Tensor

from simcvd.config.methods import SegmentationSettings
from simcvd.data.batch import Batch
from simcvd.losses.supervised import cross_entropy, sdm_error, soft_dice
from simcvd.methods.base import Term
from simcvd.methods.forward import Outputs

_EQ_1 = SegmentationSettings()


def segmentation_terms(
    outputs: Outputs,
    batch: Batch,
    gather: Callable[[Tensor], Tensor] | None,
    suffix: str = "",
    settings: SegmentationSettings = _EQ_1,
) -> list[Term]:
    """Return L_seg on the labelled crops: half the cross-entropy and half the soft Dice loss (Eq. 1), or other parts.

    Args:
        outputs: of the labelled crops.
        batch: with their labels.
        gather: joins the sums of several workers.
        suffix: is added to the terms' names, where a method segments with two networks.
        settings: the parts, and the classes of the Dice loss.
    """
    part, terms = settings.cross_entropy_part, []
    if part > 0:
        value = cross_entropy(outputs.logits, batch.label, batch.counted, gather)
        terms.append(Term(f"cross_entropy{suffix}", value, part))
    if part < 1:
        value = soft_dice(outputs.probs, batch.label, gather, batch.counted, settings.dice_of == "all")
        terms.append(Term(f"dice{suffix}", value, 1 - part))
    return terms


def sdm_terms(
    sdm: Tensor, batch: Batch, weight: float, gather: Callable[[Tensor], Tensor] | None
) -> tuple[list[Term], Mapping[str, Tensor]]:
    """Return the SDM head's term on the labelled crops (Eq. 1), and its error beside the best constant's, detached.

    Args:
        sdm: of the labelled crops, `[L, K, X, Y, Z]`.
        batch: with their signed distance maps.
        weight: alpha; 0 leaves the term out, not the numbers.
        gather: joins the sums of several workers, where some voxels are not counted.
    """
    error = sdm_error(sdm, batch.sdm, batch.counted, gather)
    diagnostics = {"sdm_error": error.detach(), "sdm_error_constant": _constants_error(batch)}
    return [Term("sdm", error, weight)] if weight > 0 else [], diagnostics


def _constants_error(batch: Batch) -> Tensor:
    """Return the error of the best constant map of each class, on this worker's crops."""
    if batch.counted is None:
        constant = batch.sdm.mean((0, 2, 3, 4), keepdim=True)
        return (batch.sdm - constant).square().mean()
    counted = batch.counted.unsqueeze(1)
    voxels = batch.counted.sum().clamp_min(1)
    constant = (batch.sdm * counted).sum((0, 2, 3, 4), keepdim=True) / voxels
    return sdm_error(batch.sdm, constant.expand_as(batch.sdm), batch.counted)
