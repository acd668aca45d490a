"""CrossMatch: perturbed images and perturbed features, each decoding taught by the plain one and by itself.

Zhao, Wang, Ding, IEEE JBHI 2024, arXiv 2405.00354 (sec. 3); public code: github.com/AiEson/CrossMatch, folder LA.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from simcvd.draws import Draws
from simcvd.losses.pseudo_label import PseudoLabel, pseudo_label
from simcvd.losses.schedules import ramp_up
from simcvd.losses.supervised import soft_dice
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward, without_autocast
from simcvd.methods.later.streams import forward_perturbed, strong_stream
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.vnet import VNet

_Pairs = Iterable[tuple[Outputs, PseudoLabel]]


class CrossMatch(Method):
    """`L = L_seg + w_i L_ip + (1 - eta) L_tkd + eta L_dkd` on unlabelled crops.

    Of a crop as it is come three predictions: a plain one, p, and p^weak and p^strong, with channels dropped from all
    maps that the decoder takes. Of its second strong view come p_2, p_2^weak and p_2^strong alike, of the first p_1
    alone. D is the soft Dice loss against a hard label, over the voxels where its probability is at least tau(t):

    - `L_ip = mean(D(p_1, p), D(p_2, p))`
    - `L_tkd = mean(D(p^weak, p), D(p^strong, p), D(p_2^weak, p), D(p_2^strong, p))`
    - `L_dkd = mean(D(p_2^weak, p^weak), D(p_2^strong, p^strong))`

    A box of a strong view may come from another crop, and the labels are mixed alike. The network's dropout after its
    last level is left out in these passes, as in the public code.

    Gaps: SGD as in every method (its code: AdamW); D of several classes is their mean.

    Attributes:
        diagnostics: `certain`, the share of unlabelled voxels whose plain label counts.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.crossmatch.image > 0 or self.distils

    @property
    def distils(self) -> bool:
        """Whether predictions from perturbed features are needed."""
        settings = self.config.crossmatch
        return settings.teacher_distillation > 0 or settings.decoder_distillation > 0

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where they have weight, the three terms of unlabelled crops."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        if image is None:
            labeled, own = forward(self.networks["student"], batch.image_labeled, draws, "student"), []
        else:
            labeled, *own = self._predict(batch.image_labeled, image, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=self.config.crossmatch)
        return terms if image is None else terms + self._unlabeled(image, own, step, draws)

    def _unlabeled(self, image: Tensor, own: list[Outputs], step: int, draws: Draws) -> list[Term]:
        """Return the terms of unlabelled crops from the predictions for them as they are: plain, weak, strong."""
        settings, targets = self.config.crossmatch, [pseudo_label(outputs.probs) for outputs in own]
        (one, (of_one,)), (two, (of_two, *of_perturbed)) = (
            strong_stream(image, labels, settings, draws, name, self.gather)
            for name, labels in (("strong/first", targets[:1]), ("strong/second", targets))
        )
        first, second, *perturbed = self._predict(one, two, draws, "student/strong")
        plain = targets[0]
        ramp = ramp_up(step, self.config.training.steps)
        least = settings.first_threshold + (settings.last_threshold - settings.first_threshold) * ramp
        self.diagnostics = {"certain": (plain.confidence >= least).float().mean()}

        weighted: list[tuple[str, _Pairs, float]] = [
            ("image", [(first, of_one), (second, of_two)], settings.image),
            (
                "teacher_distillation",
                [*((outputs, plain) for outputs in own[1:]), *((outputs, of_two) for outputs in perturbed)],
                settings.teacher_distillation,
            ),
            ("decoder_distillation", zip(perturbed, of_perturbed, strict=True), settings.decoder_distillation),
        ]
        return [Term(name, self._mean(pairs, least), weight) for name, pairs, weight in weighted if weight > 0]

    def _predict(self, whole: Tensor, perturbed: Tensor, draws: Draws, name: str) -> list[Outputs]:
        """Return the predictions for both parts, then those of the second one with few and many channels dropped."""
        student, settings = self.networks["student"], self.config.crossmatch
        assert isinstance(student, VNet)
        rates = (settings.weak_dropout, settings.strong_dropout) if self.distils else ()
        return forward_perturbed(student, whole, perturbed, rates, 0.0, draws, name)

    def _mean(self, pairs: _Pairs, least: float) -> Tensor:
        """Return the mean of D over predictions and what they should say."""
        losses = []
        for outputs, target in pairs:
            with without_autocast(outputs.probs):
                certain = target.confidence >= least
                losses.append(soft_dice(outputs.probs, target.label, self.gather, certain))
        return torch.stack(losses).mean()
