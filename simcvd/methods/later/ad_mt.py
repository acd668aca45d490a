"""AD-MT: two teachers that are updated in turns of random length, and what the student learns where they differ.

Zhao, Wang, Wang, Yu, Yuan, Zhou, ECCV 2024, arXiv 2311.17325 (sec. 3); public code: github.com/ZhenZHAO/AD-MT.
"""

import copy
from functools import cached_property

import torch
from torch import Tensor

from simcvd.data.batch import send
from simcvd.draws import Draws
from simcvd.losses.pseudo_label import PseudoLabel, entropy_ensemble, pseudo_label, surer_where
from simcvd.losses.schedules import ramp_up
from simcvd.losses.supervised import cross_entropy
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward, without_autocast
from simcvd.methods.later.streams import forward_parts
from simcvd.methods.later.turns import Turns
from simcvd.methods.rivals.ict import beta_draws, partners
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.base import Segmenter, segmenters_of
from simcvd.networks.ema import AveragedBuffers, decay_at, update_average
from simcvd.transforms.boxes import draw_cut_boxes, paste
from simcvd.transforms.strong_view import apply_strong_view, draw_strong_view

TEACHERS = ("teacher", "second_teacher")


class ADMT(Method):
    """`L = L_seg + w(t) CE(p^s, y)` on unlabelled crops, over the voxels where the probability of y is at least tau.

    y is the hard label of both teachers' predictions together, weighted by their entropies. Where the teachers differ
    and the student, on the crop as it is, is surer of another label, that one takes its place. p^s is the student's
    prediction for a strong view: in the first teacher's turns other intensities, in the second one's a box from the
    next crop, y mixed alike. A teacher is a moving average over the steps of its own turns; in them it predicts with
    its batch's statistics, outside of them with averages of the student's.

    Gaps: the student's labels are mixed too (its code compares those of unmixed crops with mixed ones); both turns draw
    from the same unlabelled crops; a teacher starts as the student of its first turn (its code: of step 80 or so).

    Attributes:
        diagnostics: on unlabelled crops, `conflict`, the share of voxels that the teachers label differently, and
            `certain`, the share of voxels whose label counts.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.ad_mt.unlabeled > 0

    @cached_property
    def turns(self) -> Turns:
        """Whose turn each step is."""
        return Turns.of(self.config.seed, self.config.training.steps, self.config.ad_mt.longest_period_steps)

    def complete(self, image_channels: int, classes: int) -> None:
        """Add both teachers, and the averages of their statistics."""
        for name in TEACHERS:
            self.networks[name] = copy.deepcopy(self.networks["student"]).requires_grad_(False)
            self.networks[f"{name}_buffers"] = AveragedBuffers(self.networks["student"])

    def segmenters(self) -> dict[str, Segmenter]:
        """Return the student, which is what a trial is judged by, and both teachers."""
        return segmenters_of(self.networks, "student", *TEACHERS)

    def before_step(self, step: int) -> None:
        """Do what every method does; the teacher that rests predicts with its averaged statistics."""
        super().before_step(step)
        turn, _ = self.turns.at(step)
        self.networks[TEACHERS[1 - turn]].eval()

    def after_step(self, step: int) -> None:
        """Move the teacher whose turn it is, weights and statistics, towards the student."""
        turn, had = self.turns.at(step)
        decay = decay_at(had, self.config.ad_mt.teacher_decay)
        student, teacher = self.networks["student"], self.networks[TEACHERS[turn]]
        averages = self.networks[f"{TEACHERS[turn]}_buffers"]
        assert isinstance(averages, AveragedBuffers)
        update_average(teacher, student, decay)
        averages.update(student, decay)
        averages.copy_to(teacher)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the cross-entropy with the teachers' labels."""
        settings, student = self.config.ad_mt, self.networks["student"]
        image = batch.image_unlabeled if self.needs_unlabeled else None
        if image is None:
            labeled = forward(student, batch.image_labeled, draws, "student")
            with without_autocast(batch.image_labeled):
                return segmentation_terms(labeled, batch, self.gather, settings=settings)

        target, conflict = self._teach(image, draws)
        view, inside = self._strong(image, step, draws)
        labeled, weak, strong = forward_parts(student, (batch.image_labeled, image, view), draws, "student")
        target = surer_where(target, pseudo_label(weak.probs), conflict)
        if inside is not None:
            packed = torch.stack((target.label.float(), target.confidence), 1)
            label, confidence = self._mixed(packed, inside, draws).unbind(1)
            target = PseudoLabel(label.long(), confidence)
        certain = target.confidence >= settings.threshold
        self.diagnostics = {"conflict": conflict.float().mean(), "certain": certain.float().mean()}
        with without_autocast(image):
            terms = segmentation_terms(labeled, batch, self.gather, settings=settings)
            value = cross_entropy(strong.logits, target.label, certain, self.gather)
        weight = settings.unlabeled * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        return [*terms, Term("unlabeled", value, weight)]

    @torch.no_grad()
    def _teach(self, image: Tensor, draws: Draws) -> tuple[PseudoLabel, Tensor]:
        """Return both teachers' label of each voxel, and where they differ."""
        first, second = (forward(self.networks[name], image, draws, name).probs for name in TEACHERS)
        return pseudo_label(entropy_ensemble(first, second)), first.argmax(1) != second.argmax(1)

    @torch.no_grad()
    def _strong(self, image: Tensor, step: int, draws: Draws) -> tuple[Tensor, Tensor | None]:
        """Return strong views of the crops, and in the second teacher's turns which voxels are the next crop's."""
        settings = self.config.ad_mt
        if self.turns.at(step)[0] == 0:
            return apply_strong_view(image, draw_strong_view(draws, "strong", tuple(image.shape), settings)), None
        share = send(beta_draws(draws, "share", len(image), settings.box_beta), image.device)
        inside = draw_cut_boxes(draws, "box", share).mask(tuple(image.shape[2:]))
        return self._mixed(image, inside, draws), inside

    def _mixed(self, crops: Tensor, inside: Tensor, draws: Draws) -> Tensor:
        return paste(crops, partners(crops, draws, self.gather), inside)
