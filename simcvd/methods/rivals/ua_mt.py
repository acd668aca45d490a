"""Uncertainty-aware mean teacher: consistency where the teacher is sure.

Yu, Wang, Li, Fu, Heng, MICCAI 2019, arXiv 1907.07034 (sec. 2.2); public code: github.com/yulequan/UA-MT.
"""

import torch
from torch import Tensor

from simcvd.draws import Draws
from simcvd.losses.entropy import predictive_entropy
from simcvd.losses.masked_consistency import masked_consistency
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward_together, noisy, without_autocast
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.teacher import add_teachers


class UAMT(Method):
    """`L = L_seg + w(t) mean_{v: u_v < H(t)} (p_student - p_teacher)^2` on unlabelled crops.

    u is the entropy of the mean of T teacher passes, each with its own noise and dropout masks; the target is one more
    pass. `H(t) = h + (1 - h) ramp(t)` in parts of ln C, with `h = ua_mt.first_threshold` and the ramp of the weight.

    Gaps: the student sees noise too, so that the mask alone sets this method apart from `mean_teacher` (the paper's
    code: the teacher alone, `ua_mt.noise_on = teacher`); the target and the T passes are one batch to batch norm, which
    sees T + 1 noisy copies of the crops at once (its code: the target, then pairs of passes); moving average and
    optimisation are the trial's, as for every method (its code: a decay of 0.99).

    Attributes:
        diagnostics: `certain`, the share of voxels whose uncertainty was below the threshold.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.ua_mt.consistency > 0

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the teacher."""
        add_teachers(self.networks, self.config.ema.buffers)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the consistency on the certain voxels."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        own = image
        if image is not None and self.config.ua_mt.noise_on == "both":
            own = noisy(image, self.config, draws, "student")
        labeled, student = forward_together(self.networks["student"], batch.image_labeled, own, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=self.config.ua_mt)
        if image is None or student is None:
            return terms

        settings = self.config.ua_mt
        ramp = ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        target, uncertainty = self._teach(image, draws)
        certain = uncertainty < settings.first_threshold + (1 - settings.first_threshold) * ramp
        self.diagnostics = {"certain": certain.float().mean()}
        with without_autocast(image):
            value = masked_consistency(student.probs, target, certain, self.gather)
        return [*terms, Term("consistency", value, settings.consistency * ramp)]

    @torch.no_grad()
    def _teach(self, image: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the target `[U, C, X, Y, Z]` and its uncertainty `[U, X, Y, Z]` from one teacher forward."""
        passes = 1 + self.config.ua_mt.passes
        views = torch.cat([noisy(image, self.config, draws, f"teacher/{number}") for number in range(passes)])
        with_layout = views.contiguous(memory_format=torch.channels_last_3d)
        # Parts have their own dropout masks: each pass is another draw, whatever the number of workers.
        features = self.networks["teacher"](with_layout, draws, "teacher", (len(image),) * passes)
        with without_autocast(image):
            probs = Outputs.of(features).probs
            by_pass = probs.view(passes, len(image), *probs.shape[1:])
            return by_pass[0], predictive_entropy(by_pass[1:])
