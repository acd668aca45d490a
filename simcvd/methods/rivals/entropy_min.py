"""Entropy minimisation: unlabelled predictions should be decided.

Vu, Jain, Bucher, Cord, Perez, "ADVENT", CVPR 2019, arXiv 1811.12833 (sec. 3.1, direct entropy minimisation); public
code: github.com/valeoai/ADVENT.
"""

from collections.abc import Callable

from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.losses.entropy import mean_entropy
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward_together, without_autocast
from simcvd.methods.segmentation import segmentation_terms, sgd
from simcvd.networks.build import build_vnet, seeded_weights


class EntropyMin(Method):
    """`L = L_seg + w mean_v H(p_v) / ln C` on unlabelled crops, with a constant weight.

    Weight: `entropy_min.entropy`. The crops are seen as they are: the paper perturbs nothing.
    """

    def __init__(
        self,
        config: TrialConfig,
        image_channels: int,
        classes: int,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.config, self.gather = config, gather
        self.needs_unlabeled = config.entropy_min.entropy > 0
        self.diagnostics = {}
        with seeded_weights(config.seed):
            self.networks = nn.ModuleDict({"student": build_vnet(config, image_channels, classes)})
        self.optimisers = {"sgd": sgd(self.networks.values(), config.training)}

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the entropy."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        labeled, unlabeled = forward_together(self.networks["student"], batch.image_labeled, image, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather)
            if unlabeled is not None:
                terms.append(Term("entropy", mean_entropy(unlabeled.logits), self.config.entropy_min.entropy))
        return terms
