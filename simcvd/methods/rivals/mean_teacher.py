"""Mean teacher: consistency with the moving average under noise.

Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780 (sec. 2: MSE consistency, moving average; appendix B.1: the
sigmoid-shaped ramp-up).
"""

import torch

from simcvd.draws import Draws
from simcvd.losses.consistency import consistency
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward, forward_together, noisy, without_autocast
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.teacher import add_teachers


class MeanTeacher(Method):
    """`L = L_seg + w(t) mean (p_student - p_teacher)^2` on unlabelled crops, each network under its own noise.

    Weight: `mean_teacher.consistency`, ramped up. Only unlabelled crops are compared, as in the paper's table (gap: its
    own experiments on images compare all). With `mean_teacher.noise_on = teacher` the student sees them as they are.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.mean_teacher.consistency > 0

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the teacher."""
        add_teachers(self.networks, self.config.ema.buffers)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the consistency."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        own = image
        if image is not None and self.config.mean_teacher.noise_on == "both":
            own = noisy(image, self.config, draws, "student")
        labeled, student = forward_together(self.networks["student"], batch.image_labeled, own, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=self.config.mean_teacher)
        if image is None or student is None:
            return terms

        settings = self.config.mean_teacher
        with torch.no_grad():
            others = noisy(image, self.config, draws, "teacher")
            teacher = forward(self.networks["teacher"], others, draws, "teacher")
        with without_autocast(image):
            value = consistency(student.probs, teacher.probs, None, None)
        weight = settings.consistency * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        return [*terms, Term("consistency", value, weight)]
