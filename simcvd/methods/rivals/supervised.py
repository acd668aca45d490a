"""Supervised training on the labelled crops alone: the bound that semi-supervised methods start from.

V-Net: Milletari, Navab, Ahmadi, 3DV 2016, arXiv 1606.04797.
"""

from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward, without_autocast
from simcvd.methods.segmentation import segmentation_terms


class Supervised(Method):
    """`L = L_seg` on labelled crops: half cross-entropy, half soft Dice; no unlabelled crop is read.

    Labelled crops fill the whole batch (`supervised.whole_batch`), so that all methods see as many crops a step. With
    `data.labeled = all` it is the upper bound.
    """

    def reads_unlabeled(self) -> bool:
        """Return that no term does."""
        return False

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the two halves of L_seg."""
        labeled = forward(self.networks["student"], batch.image_labeled, draws, "student")
        with without_autocast(batch.image_labeled):
            return segmentation_terms(labeled, batch, self.gather, settings=self.config.supervised)
