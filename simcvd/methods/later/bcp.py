"""Bidirectional copy-paste: labelled crops with a box from unlabelled ones, and the other way round.

Bai, Chen, Li, Shen, Wang, CVPR 2023, arXiv 2305.00673 (sec. 3); public code: github.com/DeepMed-Lab-ECNU/BCP.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from simcvd.data.batch import send
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward, without_autocast
from simcvd.methods.later.streams import forward_parts
from simcvd.methods.optimiser import sgd
from simcvd.methods.rivals.ict import partners
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.ema import decay_at
from simcvd.networks.teacher import add_teachers, update_teachers
from simcvd.transforms.boxes import draw_boxes, paste
from simcvd.transforms.largest_piece import largest_pieces


class BCP(Method):
    """Train on labelled crops pasted into each other, then on labelled and unlabelled ones pasted both ways.

    1. `L = L_seg` on labelled crops with a box from the next one.
    2. `L = L_in + L_out`, each `L_seg(labelled voxels) + alpha L_seg(unlabelled voxels)`: of the inward crop the box is
       unlabelled, of the outward one all but the box. Labels of unlabelled voxels are the teacher's.

    The teacher is the student at the end of the first stage, then its moving average. Both stages have an SGD of their
    own, the first one at the full rate, the second one with the schedule over its steps.

    Gaps: every pair of crops goes both ways with one box, so that 2 + 2 crops make 4 mixed ones and each voxel is in
    one of them (its code: half of the pairs go each way, 4 + 4 crops make 4); pairs have boxes of their own; the Dice
    loss is Eq. 1's (its code: no squares, each crop by itself).

    Attributes:
        diagnostics: `pseudo_foreground`, the share of unlabelled voxels that the teacher labels as anything but
            background.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.bcp.unlabeled > 0

    @cached_property
    def first(self) -> int:
        """Steps of the first stage."""
        return int(self.config.training.steps * self.config.bcp.pretraining_fraction) if self.needs_unlabeled else 0

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the first stage's optimiser, and the teacher."""
        if self.first:
            self.optimisers["pretraining"] = sgd(self.networks.values(), self.config.training)
        add_teachers(self.networks, self.config.ema.buffers)

    def schedule_at(self, step: int) -> tuple[int, int]:
        """Return the steps of the second stage done before `step`, and how many there are."""
        return max(0, step - self.first), self.config.training.steps - self.first

    def stepping(self, step: int) -> Iterable[torch.optim.Optimizer]:
        """Return the optimiser of this step's stage."""
        return (self.optimisers["pretraining" if step < self.first else "sgd"],)

    def after_step(self, step: int) -> None:
        """Make the teacher the student in the first stage, and move it towards the student in the second."""
        forwards = self.needs_unlabeled and step >= self.first
        decay = decay_at(step - self.first, self.config.bcp.teacher_decay) if forwards else 0.0
        update_teachers(self.networks, decay, forwards=forwards)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg on mixed labelled crops, or on both parts of crops mixed both ways."""
        image = batch.image_unlabeled
        if image is None or not self.needs_unlabeled or step < self.first:
            return self._of_labeled(batch, draws)
        pairs = max(len(batch.image_labeled), len(image))
        labeled, unlabeled = (
            torch.arange(pairs, device=image.device) * len(crops) // pairs for crops in (batch.image_labeled, image)
        )
        label = self._teach(image, draws)[unlabeled]
        own, other = batch.image_labeled[labeled], image[unlabeled]
        inside = draw_boxes(draws, "box", pairs, self.config.bcp.box_side).mask(tuple(image.shape[2:]))
        mixed = (paste(own, other, inside), paste(other, own, inside))
        both = forward_parts(self.networks["student"], mixed, draws, "student")

        counted = torch.ones_like(inside) if batch.counted is None else batch.counted[labeled]
        truth = replace(batch, label=batch.label[labeled])
        pseudo = replace(batch, label=label)
        with without_autocast(image):
            terms = self._sum(both, truth, (~inside & counted, inside & counted))
            weight = self.config.bcp.unlabeled
            for term in self._sum(both, pseudo, (inside, ~inside)):
                terms.append(Term(f"pseudo_{term.name}", term.value, weight * term.weight))
        return terms

    def _of_labeled(self, batch: Batch, draws: Draws) -> list[Term]:
        """Return L_seg on labelled crops with a box from the next one of the whole batch."""
        counted = torch.ones_like(batch.label, dtype=torch.bool) if batch.counted is None else batch.counted
        known = [value.unsqueeze(1).float() for value in (batch.label, counted)]
        packed = torch.cat((batch.image_labeled, *known), 1)
        inside = draw_boxes(draws, "box", len(packed), self.config.bcp.box_side).mask(tuple(packed.shape[2:]))
        mixed = paste(packed, partners(packed, draws, self.gather), inside)
        outputs = forward(self.networks["student"], mixed[:, :-2], draws, "student")
        label, counted = mixed[:, -2].long(), mixed[:, -1] > 0
        with without_autocast(packed):
            truth = replace(batch, label=label, counted=None if batch.counted is None else counted)
            return segmentation_terms(outputs, truth, self.gather, settings=self.config.bcp)

    def _sum(self, both: list[Outputs], batch: Batch, masks: tuple[Tensor, Tensor]) -> list[Term]:
        """Return L_seg of the inward crops plus that of the outward ones, each on its mask."""
        inward, outward = (
            segmentation_terms(outputs, replace(batch, counted=mask), self.gather, settings=self.config.bcp)
            for outputs, mask in zip(both, masks, strict=True)
        )
        return [Term(one.name, one.value + other.value, one.weight) for one, other in zip(inward, outward, strict=True)]

    @torch.no_grad()
    def _teach(self, image: Tensor, draws: Draws) -> Tensor:
        """Return the teacher's labels of unlabelled crops, `[U, X, Y, Z]`."""
        label = forward(self.networks["teacher"], image, draws, "teacher").logits.argmax(1)
        if self.config.bcp.largest_piece:
            label = send(largest_pieces(label), image.device)
        self.diagnostics = {"pseudo_foreground": (label > 0).float().mean()}
        return label
