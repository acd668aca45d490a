"""UniMatch: weak-to-strong consistency with two strong views and a stream of perturbed features.

Yang, Qi, Feng, Zhang, Shi, CVPR 2023, arXiv 2208.09910 (sec. 3); public code: github.com/LiheYoung/UniMatch, folder
more-scenarios/medical.
"""

import torch
from torch import Tensor

from simcvd.draws import Draws
from simcvd.losses.pseudo_label import PseudoLabel, pseudo_label
from simcvd.losses.supervised import soft_dice
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward, without_autocast
from simcvd.methods.later.streams import forward_parts, forward_perturbed, strong_stream
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.vnet import VNet


class UniMatch(Method):
    """`L = L_seg + mu / 2 (D(p^s1, y^1) + D(p^s2, y^2)) + lambda D(p^fp, y)` on unlabelled crops.

    y is the student's own hard label of the crop as it is, D the soft Dice loss of all classes over the voxels where
    its probability is at least tau, as in the public medical code (the paper: cross-entropy). p^s1 and p^s2 are
    predictions for two strong views, a box of which may come from another crop, and y^1 and y^2 are mixed alike. p^fp
    is the prediction for the crop as it is, with channels dropped from all maps that the decoder takes.

    Gaps: labelled crops have no perturbed features (its code makes them and leaves them unused); the network is the
    trial's, with its own dropout.

    Attributes:
        diagnostics: `certain`, the share of unlabelled voxels whose label counts.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.unimatch.strong > 0 or self.config.unimatch.feature > 0

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where they have weight, the terms of both kinds of perturbation."""
        settings, student = self.config.unimatch, self.networks["student"]
        image = batch.image_unlabeled if self.needs_unlabeled else None
        if image is None:
            labeled, weak, perturbed = forward(student, batch.image_labeled, draws, "student"), None, []
        else:
            assert isinstance(student, VNet)
            rates = (settings.feature_dropout,) if settings.feature > 0 else ()
            labeled, weak, *perturbed = forward_perturbed(
                student, batch.image_labeled, image, rates, student.dropout_last, draws, "student"
            )
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings)
        if image is None or weak is None:
            return terms

        target = pseudo_label(weak.probs)
        self.diagnostics = {"certain": (target.confidence >= settings.threshold).float().mean()}
        for outputs in perturbed:
            terms.append(Term("feature", self._agreement(outputs, target), settings.feature))
        if settings.strong > 0:
            value = torch.stack(self._strong(image, target, draws)).mean()
            terms.append(Term("strong", value, settings.strong))
        return terms

    def _strong(self, image: Tensor, target: PseudoLabel, draws: Draws) -> list[Tensor]:
        """Return the loss of each strong view."""
        names = ("strong/first", "strong/second")
        streams = [strong_stream(image, (target,), self.config.unimatch, draws, name, self.gather) for name in names]
        outputs = forward_parts(self.networks["student"], [view for view, _ in streams], draws, "student/strong")
        return [self._agreement(own, mixed) for own, (_, (mixed,)) in zip(outputs, streams, strict=True)]

    def _agreement(self, outputs: Outputs, target: PseudoLabel) -> Tensor:
        """Return D: the soft Dice loss over the voxels of which the label is sure."""
        certain = target.confidence >= self.config.unimatch.threshold
        with without_autocast(outputs.probs):
            return soft_dice(outputs.probs, target.label, self.gather, certain, background=True)
