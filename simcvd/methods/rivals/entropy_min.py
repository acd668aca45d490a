"""Entropy minimisation: unlabelled predictions should be decided.

Vu, Jain, Bucher, Cord, Perez, "ADVENT", CVPR 2019, arXiv 1811.12833 (sec. 3.1, direct entropy minimisation); public
code: github.com/valeoai/ADVENT.
"""

import torch

from simcvd.draws import Draws
from simcvd.losses.entropy import mean_entropy
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward_together, without_autocast
from simcvd.methods.segmentation import segmentation_terms


class EntropyMin(Method):
    """`L = L_seg + w(t) mean_v H(p_v) / ln C`, v running over the voxels of all crops, or of the unlabelled ones.

    Weight: `entropy_min.entropy`, ramped up. The crops are seen as they are: the paper perturbs nothing. Gaps: weight,
    ramp and the labelled crops' part are the field's for 3D segmentation (SSL4MIS); the paper has a constant 0.001 on
    unlabelled images alone.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.entropy_min.entropy > 0

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the entropy."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled, unlabeled = forward_together(self.networks["student"], batch.image_labeled, image, draws, "student")
        settings = self.config.entropy_min
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings)
            if unlabeled is None:
                return terms
            parts = (labeled, unlabeled) if settings.entropy_of == "all" else (unlabeled,)
            value = mean_entropy(torch.cat([outputs.logits for outputs in parts]))
        weight = settings.entropy * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        return [*terms, Term("entropy", value, weight)]
