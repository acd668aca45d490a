"""Interpolation consistency training: the student's prediction on mixed crops is the mix of the teacher's on each.

Verma, Lamb, Kannala, Bengio, Lopez-Paz, IJCAI 2019, arXiv 1903.03825 (Algorithm 1); public code:
github.com/vikasverma1077/ICT.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from scipy.special import betaincinv
from torch import Tensor

from simcvd.data.batch import send
from simcvd.draws import Draws
from simcvd.losses.consistency import consistency
from simcvd.losses.schedules import ramp_up
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import forward, forward_together, without_autocast
from simcvd.methods.segmentation import segmentation_terms
from simcvd.networks.teacher import add_teachers


class ICT(Method):
    """`L = L_seg + w(t) mean (p_student(mix(x, x')) - mix(p_teacher(x), p_teacher(x')))^2` on unlabelled crops.

    `mix(a, b) = m a + (1 - m) b` with `m ~ Beta(alpha, alpha)`. A crop's partner x' is the next crop of the whole
    batch, the last one's the first, so that workers with one crop each mix too. Nothing but the mix perturbs the crops.

    Weight: `ict.consistency`, ramped up. Gaps: m is drawn for each mixed crop (the paper: once a step, for 100 images);
    probabilities are mixed (its code: logits); labelled crops stay unmixed, so that L_seg is every method's.
    """

    def reads_unlabeled(self) -> bool:
        """Return whether a term that has weight uses unlabelled crops."""
        return self.config.ict.consistency > 0

    def complete(self, image_channels: int, classes: int) -> None:
        """Add the teacher."""
        add_teachers(self.networks, self.config.ema.buffers)

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the consistency on mixed crops."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        mixed, target = (None, None) if image is None else self._mixed(image, draws)
        labeled, student = forward_together(self.networks["student"], batch.image_labeled, mixed, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather, settings=self.config.ict)
            if target is None or student is None:
                return terms
            value = consistency(student.probs, target, None, None)
        settings = self.config.ict
        weight = settings.consistency * ramp_up(step, self.config.training.steps, settings.ramp_up_fraction)
        return [*terms, Term("consistency", value, weight)]

    @torch.no_grad()
    def _mixed(self, image: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return mixed crops `[U, I, X, Y, Z]` and the teacher's predictions `[U, C, X, Y, Z]` mixed alike."""
        teacher = forward(self.networks["teacher"], image, draws, "teacher")
        crops = torch.cat((image, teacher.probs), 1)
        factor = send(beta_draws(draws, "mix", len(image), self.config.ict.alpha), image.device)
        mixed = torch.lerp(partners(crops, draws, self.gather), crops, factor.view(-1, 1, 1, 1, 1))
        return mixed[:, : image.shape[1]], mixed[:, image.shape[1] :]


def beta_draws(draws: Draws, name: str, size: int, alpha: float) -> Tensor:
    """Draw `size` numbers from Beta(alpha, alpha): this worker's share, on the CPU, the same on every device.

    A uniform number through the inverse of the distribution function, since torch's own Beta takes no generator.
    """
    uniform = replace(draws, device=torch.device("cpu")).uniform(name, (size,))
    return torch.from_numpy(betaincinv(alpha, alpha, uniform.double().numpy())).float()


def partners(crops: Tensor, draws: Draws, gather: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return for each crop the next one of the whole batch, and for the last of all the first.

    Args:
        crops: `[U, ...]`, this worker's share.
        draws: knows this worker's number.
        gather: stacks the workers' rows in rank order; none with one worker.
    """
    following = crops[:1]
    if gather is not None:
        following = gather(following.flatten(1))[(draws.rank + 1) % draws.workers].view_as(following)
    return torch.cat((crops[1:], following))
