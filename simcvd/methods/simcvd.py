"""SimCVD: contrastive voxel-wise representation distillation.

You, Zhou, Zhao, Staib, Duncan, IEEE TMI 41(9), 2022, doi 10.1109/TMI.2022.3161829; equation numbers are the paper's.
"""

import torch
from torch import Tensor, nn

from simcvd.draws import Draws
from simcvd.losses.consistency import consistency
from simcvd.losses.contrast import slice_contrast
from simcvd.losses.distillation import pairwise_distillation
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward, forward_together, noisy, without_autocast
from simcvd.methods.segmentation import sdm_terms, segmentation_terms
from simcvd.networks.build import build_network
from simcvd.networks.projection import ProjectionHead
from simcvd.networks.teacher import add_teachers


class SimCVD(Method):
    """Student and mean teacher with supervised, contrast, distillation and consistency terms (Eq. 6).

    `L = L_sup + lambda L_contrast + beta L_pd + gamma L_con`. A weight of 0 switches its term off, computation
    included; with lambda = beta = gamma = 0 no unlabelled crop is read and the teacher, still the student's average,
    never forwards.

    Attributes:
        diagnostics: of the last call of `terms`, detached: `sdm_error`, the student's SDM error on the labelled
            crops, and `sdm_error_constant`, that of the best constant per class. Empty without SDM head.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        loss = self.config.loss
        return loss.contrast > 0 or loss.distillation > 0 or loss.consistency > 0

    def build(self, image_channels: int, classes: int) -> dict[str, nn.Module]:
        """Return the student, and its projection head where the contrast has weight."""
        config, projection = self.config, self.config.projection
        sdm_channels = classes - 1 if config.network.sdm_head else 0
        networks: dict[str, nn.Module] = {"student": build_network(config, image_channels, classes, sdm_channels)}
        if config.loss.contrast > 0:
            networks["student_projection"] = ProjectionHead(
                projection.pool_size, projection.pooling, projection.hidden, projection.features, projection.dropout
            )
        return networks

    def complete(self, image_channels: int, classes: int) -> None:
        """Add a teacher of each."""
        add_teachers(self.networks, self.config.ema.buffers)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the terms of Eq. 6: one student forward over labelled and unlabelled crops, one teacher forward."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        student_image = None if image is None else noisy(image, self.config, draws, "student")
        labeled, student = forward_together(
            self.networks["student"], batch.image_labeled, student_image, draws, "student"
        )
        with without_autocast(batch.image_labeled):
            terms = self._supervised(labeled, batch)
        if image is None or student_image is None or student is None:
            return terms

        teacher_image = noisy(image, self.config, draws, "teacher")
        with torch.no_grad():
            teacher = forward(self.networks["teacher"], teacher_image, draws, "teacher")
        with without_autocast(image):
            return terms + self._unsupervised(student, teacher, student_image, teacher_image, step, draws)

    def _supervised(self, student: Outputs, batch: Batch) -> list[Term]:
        """Eq. 1 on the labelled crops."""
        terms = segmentation_terms(student, batch, self.gather)
        if student.sdm is not None:
            more, self.diagnostics = sdm_terms(student.sdm, batch, self.config.loss.sdm, self.gather)
            terms += more
        return terms

    def _unsupervised(
        self,
        student: Outputs,
        teacher: Outputs,
        student_image: Tensor,
        teacher_image: Tensor,
        step: int,
        draws: Draws,
    ) -> list[Term]:
        """Eqs. 2 to 5 on the unlabelled crops."""
        loss = self.config.loss
        ramp = ramp_up(step, self.config.training.steps, loss.ramp_up_fraction)
        terms = []
        if loss.contrast > 0:
            value = slice_contrast(
                self._rows("student", student_image, student, draws),
                self._rows("teacher", teacher_image, teacher, draws),
                loss.temperature,
                self.config.contrast.similarity,
                self.config.contrast.rows,
                draws.generator("contrast/rows"),
                self.gather if self.config.contrast.gather else None,
            )
            terms.append(Term("contrast", value, loss.contrast * ramp))
        if loss.distillation > 0:
            value = pairwise_distillation(student.bottleneck, teacher.bottleneck)
            terms.append(Term("distillation", value, loss.distillation * ramp))
        if loss.consistency > 0:
            value = consistency(student.probs, teacher.probs, student.sdm, teacher.sdm)
            terms.append(Term("consistency", value, loss.consistency * ramp))
        return terms

    def _rows(self, network: str, image: Tensor, outputs: Outputs, draws: Draws) -> Tensor:
        """Project the boundary-aware features, image + SDM, to one row per volume, class and slice `[U, K, Z, F]`.

        Gaps: several input channels are averaged; without SDM head the foreground probabilities take its place.
        """
        boundary = outputs.probs[:, 1:] if outputs.sdm is None else outputs.sdm
        feature = image.mean(1, keepdim=True) + boundary  # [U, K, X, Y, Z]
        rows: Tensor = self.networks[f"{network}_projection"](feature.flatten(0, 1), draws, network)
        return rows.view(*feature.shape[:2], *rows.shape[1:])
