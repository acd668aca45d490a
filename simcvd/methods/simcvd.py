"""SimCVD: contrastive voxel-wise representation distillation.

You, Zhou, Zhao, Staib, Duncan, IEEE TMI 41(9), 2022, doi 10.1109/TMI.2022.3161829; equation numbers are the paper's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
from simcvd.methods.teacher_view import View
from simcvd.networks.build import build_network
from simcvd.networks.projection import ProjectionHead
from simcvd.networks.teacher import add_teachers

SHARED: Final = "projection"
"""Name of a projection head that both networks have; it is nobody's average."""


@dataclass(frozen=True)
class Seen:
    """Crops for a network's boundary-aware feature.

    Attributes:
        image: `[B, I, X, Y, Z]`.
        outputs: what the network made of them.
    """

    image: Tensor
    outputs: Outputs


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
            # Teachers are added to what is a student's; a shared head has none.
            networks[SHARED if config.simcvd.shared_head else "student_projection"] = ProjectionHead(
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
        view = View.drawn(self.config.simcvd.teacher_view, draws)
        with_labeled = self.config.simcvd.negatives == "all" and self.config.loss.contrast > 0
        others = view.of(batch.image_labeled) if with_labeled else None
        with torch.no_grad():
            taught, teacher = self._teach(others, view.of(teacher_image), draws)
        if self.config.simcvd.feature == "clean":
            student_image = teacher_image = image
        seen = {"student": Seen(student_image, student), "teacher": Seen(view.of(teacher_image), teacher)}
        if others is not None and taught is not None:
            seen |= {"student/labeled": Seen(batch.image_labeled, labeled), "teacher/labeled": Seen(others, taught)}
        with without_autocast(image):
            return terms + self._unsupervised(seen, view, step, draws)

    def _teach(self, labeled: Tensor | None, unlabeled: Tensor, draws: Draws) -> tuple[Outputs | None, Outputs]:
        """Run the teacher over unlabelled crops, and over labelled ones with them where those are given."""
        teacher = self.networks["teacher"]
        if labeled is None:
            return None, forward(teacher, unlabeled, draws, "teacher")
        taught, outputs = forward_together(teacher, labeled, unlabeled, draws, "teacher")
        assert outputs is not None
        return taught, outputs

    def _supervised(self, student: Outputs, batch: Batch) -> list[Term]:
        """Eq. 1 on the labelled crops."""
        terms = segmentation_terms(student, batch, self.gather)
        if student.sdm is not None:
            more, self.diagnostics = sdm_terms(student.sdm, batch, self.config.loss.sdm, self.gather)
            terms += more
        return terms

    def _unsupervised(self, seen: Mapping[str, Seen], view: View, step: int, draws: Draws) -> list[Term]:
        """Eqs. 2 to 5 on what each network saw; Eqs. 4 and 5 compare where both crops lie alike."""
        loss, readings = self.config.loss, self.config.simcvd
        ramp = ramp_up(step, self.config.training.steps, loss.ramp_up_fraction)
        ramp_of_others = ramp if readings.ramp_on == "all" else 1.0
        student, teacher = seen["student"].outputs, seen["teacher"].outputs
        terms = []
        if loss.contrast > 0:
            terms.append(Term("contrast", self._contrast(seen, draws), loss.contrast * ramp_of_others))
        if loss.distillation > 0:
            value = pairwise_distillation(student.bottleneck, view.undone(teacher.bottleneck))
            if readings.positions == "sum":
                value = value * math.prod(student.bottleneck.shape[2:])
            terms.append(Term("distillation", value, loss.distillation * ramp_of_others))
        if loss.consistency > 0:
            sdm = None if teacher.sdm is None else view.undone(teacher.sdm)
            value = consistency(student.probs, view.undone(teacher.probs), student.sdm, sdm)
            terms.append(Term("consistency", value, loss.consistency * ramp))
        return terms

    def _contrast(self, seen: Mapping[str, Seen], draws: Draws) -> Tensor:
        """Eqs. 2 and 3; what was seen of labelled crops is among the negatives."""
        config, rows = self.config.contrast, {name: self._rows(name, each, draws) for name, each in seen.items()}
        return slice_contrast(
            rows["student"],
            rows["teacher"],
            self.config.loss.temperature,
            config.similarity,
            config.rows,
            draws.generator("contrast/rows"),
            self.gather if config.gather else None,
            (rows["student/labeled"], rows["teacher/labeled"]) if "student/labeled" in rows else None,
        )

    def _rows(self, name: str, seen: Seen, draws: Draws) -> Tensor:
        """Project the boundary-aware features, image + SDM, to one row per volume, class and slice `[B, K, Z, F]`.

        Gaps: several input channels are averaged; without SDM head the foreground probabilities take its place.
        """
        network, outputs = name.partition("/")[0], seen.outputs
        boundary = outputs.probs[:, 1:] if outputs.sdm is None else outputs.sdm
        feature = seen.image.mean(1, keepdim=True) + boundary  # [B, K, X, Y, Z]
        head = self.networks[SHARED if self.config.simcvd.shared_head else f"{network}_projection"]
        rows: Tensor = head(feature.flatten(0, 1), draws, name)
        return rows.view(*feature.shape[:2], *rows.shape[1:])
