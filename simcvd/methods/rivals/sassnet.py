"""SASSNet: a signed distance map beside the classes, and a discriminator that judges it.

Li, Zhang, He, "Shape-aware semi-supervised 3D semantic segmentation for medical images", MICCAI 2020, arXiv 2007.10732.
"""

from torch import Tensor, nn

from simcvd.draws import Draws
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Term
from simcvd.methods.forward import Outputs, forward_together, without_autocast
from simcvd.methods.rivals.adversary import AdversarialMethod
from simcvd.methods.segmentation import sdm_terms, segmentation_terms
from simcvd.networks.build import build_network


class SASSNet(AdversarialMethod):
    """`L = L_seg + a mean_l (d_l - d*_l)^2 - w(t) mean_u log D(d_u, x_u)`, D learning to tell labelled from unlabelled.

    D sees the image x and the predicted signed distance maps d, all classes' maps together (gap: the paper has one
    class). Weights: a = `sassnet.sdm` and w = `sassnet.adversarial`, ramped up; with w = 0 there is no discriminator
    and no unlabelled crop is read. Gaps: L_seg is that of all methods, half cross-entropy and half Dice, where the
    public code has Dice alone (`sassnet.cross_entropy_part = 0`); the class head has two channels under a softmax, not
    one under a sigmoid; both networks step at once, or the discriminator after (`simcvd.methods.rivals.adversary`).

    Attributes:
        diagnostics: of the last step: the SDM's error beside the best constant's, and the discriminator's accuracy on
            labelled and on unlabelled crops, and its loss where it is no term.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.sassnet.adversarial > 0

    def build(self, image_channels: int, classes: int) -> dict[str, nn.Module]:
        """Return the network that segments, with a signed distance map for each foreground class."""
        return {"student": build_network(self.config, image_channels, classes, classes - 1)}

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the discriminator of the signed distance maps."""
        self.add_adversary(self.config.sassnet, image_channels, classes - 1, _sdm)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the supervised terms and, where they have weight, the adversarial one and at once that of D."""
        settings = self.config.sassnet
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled, unlabeled = forward_together(self.networks["student"], batch.image_labeled, image, draws, "student")
        assert labeled.sdm is not None
        with without_autocast(batch.image_labeled):
            shape, self.diagnostics = sdm_terms(labeled.sdm, batch, settings.sdm, self.gather)
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings) + shape
        if unlabeled is None or self.adversary is None:
            return terms

        weight = settings.adversarial * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        adversary, accuracies = self.adversary.terms(labeled, unlabeled, batch, weight, draws)
        self.diagnostics = {**self.diagnostics, **accuracies}
        return terms + adversary


def _sdm(outputs: Outputs) -> Tensor:
    assert outputs.sdm is not None
    return outputs.sdm
