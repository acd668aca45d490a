"""Deep adversarial network: a discriminator tells segmentations of labelled crops from those of unlabelled ones.

Zhang, Yang, Chen, Fredericksen, Hughes, Chen, MICCAI 2017, doi 10.1007/978-3-319-66179-7_47.
"""

from torch import Tensor

from simcvd.draws import Draws
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Term
from simcvd.methods.forward import Outputs, forward_together, without_autocast
from simcvd.methods.rivals.adversary import AdversarialMethod
from simcvd.methods.segmentation import segmentation_terms


class DAN(AdversarialMethod):
    """`L = L_seg - w(t) mean_u log D(p_u, x_u)`, while D learns 1 for labelled crops and 0 for unlabelled ones.

    D sees the image x and the class probabilities p. Weight: `dan.adversarial`, ramped up; with 0 there is no
    discriminator and no unlabelled crop is read. Gaps: the paper's networks are 2D; the V-Net, the discriminator, its
    optimiser, the weight and its ramp are those of the field's public 3D code. Both networks step at once, or the
    discriminator after (`simcvd.methods.rivals.adversary`).

    Attributes:
        diagnostics: the discriminator's accuracy on labelled and on unlabelled crops in the last step, and its loss
            where it is no term.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.dan.adversarial > 0

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the discriminator of the class probabilities."""
        self.add_adversary(self.config.dan, image_channels, classes, _probs)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where they have weight, the adversarial term and, at once, the discriminator's own."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled, unlabeled = forward_together(self.networks["student"], batch.image_labeled, image, draws, "student")
        settings = self.config.dan
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings)
        if unlabeled is None or self.adversary is None:
            return terms

        weight = settings.adversarial * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        adversary, self.diagnostics = self.adversary.terms(labeled, unlabeled, batch, weight, draws)
        return terms + adversary


def _probs(outputs: Outputs) -> Tensor:
    return outputs.probs
