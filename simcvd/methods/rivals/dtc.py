"""Dual-task consistency: the class head agrees with the signed distance map.

Luo, Chen, Song, Wang, "Semi-supervised medical image segmentation through dual-task consistency", AAAI 2021,
arXiv 2009.04448.
"""

import torch
from torch import nn

from simcvd.draws import Draws
from simcvd.losses.dual_task import dual_task_consistency
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward_together, without_autocast
from simcvd.methods.segmentation import sdm_terms, segmentation_terms
from simcvd.networks.build import build_network


class DTC(Method):
    """`L = L_seg + a mean_l (d_l - d*_l)^2 + w(t) mean (p - 1 / (1 + exp(k d)))^2`, the last over all crops.

    p is the foreground probability, d the signed distance map of the second head; labelled and unlabelled crops count
    alike and both heads get the gradient. Weights: a = `dtc.sdm` and w = `dtc.consistency`, ramped up; with w = 0 no
    unlabelled crop is read. Gaps: L_seg is that of all methods, half cross-entropy and half Dice, where the public code
    has Dice alone (`dtc.cross_entropy_part = 0`), and the class head has two channels under a softmax, not one under a
    sigmoid.

    Attributes:
        diagnostics: of the last call of `terms`: the SDM's error beside the best constant's.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.dtc.consistency > 0

    def build(self, image_channels: int, classes: int) -> dict[str, nn.Module]:
        """Return the network that segments, with a signed distance map for each foreground class."""
        return {"student": build_network(self.config, image_channels, classes, classes - 1)}

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the supervised terms and, where it has weight, the consistency of the two heads."""
        settings = self.config.dtc
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled, unlabeled = forward_together(self.networks["student"], batch.image_labeled, image, draws, "student")
        assert labeled.sdm is not None
        with without_autocast(batch.image_labeled):
            shape, self.diagnostics = sdm_terms(labeled.sdm, batch, settings.sdm, self.gather)
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings) + shape
            if unlabeled is None:
                return terms

            assert unlabeled.sdm is not None
            probs, sdm = torch.cat((labeled.probs, unlabeled.probs)), torch.cat((labeled.sdm, unlabeled.sdm))
            value = dual_task_consistency(probs, sdm, settings.steepness)
        weight = settings.consistency * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        return [*terms, Term("consistency", value, weight)]
