"""Sharp teacher: the student follows its teacher's sharpened prediction. An example of a method of one's own."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from simcvd.plugin import (
    RAMP_UP,
    Batch,
    Draws,
    Field,
    Fraction,
    Method,
    MethodSettings,
    Rate,
    Term,
    TrialConfig,
    Weight,
    add_teachers,
    build_network,
    forward,
    forward_together,
    method,
    noisy,
    ramp_up,
    seeded_weights,
    segmentation_terms,
    sgd,
    without_autocast,
)


class SharpTeacherSettings(MethodSettings):
    """Sharp teacher."""

    consistency: Weight = Field(0.1, description="Full weight of the consistency with the sharpened teacher.")
    ramp_up_fraction: Fraction = Field(1.0, description=RAMP_UP)
    temperature: Rate = Field(0.5, description="Below 1 it sharpens: p^(1/T), normalised.")


@method("sharp_teacher", summary="consistency with the sharpened moving average", settings=SharpTeacherSettings)
class SharpTeacher(Method):
    """`L = L_seg + w(t) mean (p_student - sharp(p_teacher))^2` on unlabelled crops, each network with its own noise."""

    def __init__(
        self,
        config: TrialConfig,
        image_channels: int,
        classes: int,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.config, self.gather = config, gather
        self.own = config.section(SharpTeacherSettings)
        self.needs_unlabeled = self.own.consistency > 0
        self.diagnostics = {}
        with seeded_weights(config.seed):
            self.networks = nn.ModuleDict({"student": build_network(config, image_channels, classes)})
        add_teachers(self.networks, config.ema.buffers)
        self.optimisers = {"sgd": sgd(self.networks.values(), config.training)}

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return L_seg and, where it has weight, the consistency."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        seen = None if image is None else noisy(image, self.config, draws, "student")
        labeled, student = forward_together(self.networks["student"], batch.image_labeled, seen, draws, "student")
        with without_autocast(batch.image_labeled):
            terms = segmentation_terms(labeled, batch, self.gather)
        if image is None or student is None:
            return terms
        with torch.no_grad():
            teacher = forward(self.networks["teacher"], noisy(image, self.config, draws, "teacher"), draws, "teacher")
        with without_autocast(image):
            target = (teacher.logits / max(self.own.temperature, 0.01)).softmax(1)
            value = (student.probs - target).square().mean()
        weight = self.own.consistency * ramp_up(step, self.config.training.steps, self.own.ramp_up_fraction)
        return [*terms, Term("consistency", value, weight)]
