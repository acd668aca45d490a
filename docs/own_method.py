"""Sharp teacher: the student follows its teacher's sharpened prediction. An example of a method of one's own."""

import torch
from torch import nn

from simcvd import plugin


class SharpTeacherSettings(plugin.MethodSettings):
    """Sharp teacher."""

    consistency: plugin.Weight = plugin.Field(0.1, description="Full weight of the consistency with the teacher.")
    ramp_up_fraction: plugin.Fraction = plugin.Field(1.0, description=plugin.RAMP_UP)
    temperature: plugin.Fraction = plugin.Field(0.5, description="T: below 1 it sharpens, p^(1/T), normalised.")


@plugin.method("sharp_teacher", summary="consistency with the sharpened moving average", settings=SharpTeacherSettings)
class SharpTeacher(plugin.Method):
    """`L = L_seg + w(t) mean (p_student - sharp(p_teacher))^2` on unlabelled crops, each network with its own noise."""

    def __init__(
        self, config: plugin.TrialConfig, image_channels: int, classes: int, gather: plugin.Gather | None = None
    ) -> None:
        self.config, self.gather = config, gather
        self.own = config.section(SharpTeacherSettings)
        self.needs_unlabeled = self.own.consistency > 0
        self.diagnostics = {}
        with plugin.seeded_weights(config.seed):
            self.networks = nn.ModuleDict({"student": plugin.build_network(config, image_channels, classes)})
        plugin.add_teachers(self.networks, config.ema.buffers)
        self.optimisers = {"sgd": plugin.sgd(self.networks.values(), config.training)}

    def terms(self, batch: plugin.Batch, step: int, draws: plugin.Draws) -> list[plugin.Term]:
        """Return L_seg and, where it has weight, the consistency."""
        image = batch.image_unlabeled if self.needs_unlabeled else None
        seen = None if image is None else plugin.noisy(image, self.config, draws, "student")
        student = self.networks["student"]
        labeled, unlabeled = plugin.forward_together(student, batch.image_labeled, seen, draws, "student")
        with plugin.without_autocast(batch.image_labeled):
            terms = plugin.segmentation_terms(labeled, batch, self.gather)
        if image is None or unlabeled is None:
            return terms
        with torch.no_grad():
            noisy = plugin.noisy(image, self.config, draws, "teacher")
            teacher = plugin.forward(self.networks["teacher"], noisy, draws, "teacher")
        with plugin.without_autocast(image):
            target = (teacher.logits / self.own.temperature).softmax(1)
            value = (unlabeled.probs - target).square().mean()
        weight = self.own.consistency * plugin.ramp_up(step, self.config.training.steps, self.own.ramp_up_fraction)
        return [*terms, plugin.Term("consistency", value, weight)]
