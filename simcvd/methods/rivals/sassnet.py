"""SASSNet: a signed distance map beside the classes, and a discriminator that judges it.

Li, Zhang, He, "Shape-aware semi-supervised 3D semantic segmentation for medical images", MICCAI 2020, arXiv 2007.10732.
"""

from collections.abc import Callable

from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward_together, without_autocast
from simcvd.methods.rivals.adversary import Adversary
from simcvd.methods.segmentation import sdm_terms, segmentation_terms, sgd
from simcvd.networks.build import build_network, seeded_weights
from simcvd.networks.discriminator import build_discriminator


class SASSNet(Method):
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

    def __init__(
        self,
        config: TrialConfig,
        image_channels: int,
        classes: int,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.config, self.gather = config, gather
        settings, maps = config.sassnet, classes - 1
        self.adversary: Adversary | None = None
        self.needs_unlabeled = settings.adversarial > 0
        self.diagnostics = {}
        with seeded_weights(config.seed):
            self.networks = nn.ModuleDict({"student": build_network(config, image_channels, classes, maps)})
        self.optimisers = {"sgd": sgd(self.networks.values(), config.training)}
        if self.needs_unlabeled:
            width, strides = settings.discriminator_width, config.network.strides
            discriminator = build_discriminator(config.seed, image_channels, maps, width, strides)
            self.networks["discriminator"] = discriminator
            rate, after = settings.discriminator_learning_rate, settings.discriminator_after
            self.adversary = Adversary(discriminator, rate, after, _sdm, gather)
            self.optimisers["discriminator"] = self.adversary.optimiser

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

    def after_step(self, step: int) -> None:
        """Let the discriminator learn, where it does so after the segmenting network's step."""
        super().after_step(step)
        if self.adversary is not None:
            self.diagnostics = {**self.diagnostics, **self.adversary.after_step(self.networks["student"])}


def _sdm(outputs: Outputs) -> Tensor:
    assert outputs.sdm is not None
    return outputs.sdm
