"""SimCVD: contrastive voxel-wise representation distillation.

You, Zhou, Zhao, Staib, Duncan, IEEE TMI 41(9), 2022, doi 10.1109/TMI.2022.3161829; equation numbers are the paper's.
"""

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws, derived_seed
from simcvd.losses.consistency import consistency
from simcvd.losses.contrast import slice_contrast
from simcvd.losses.distillation import pairwise_distillation
from simcvd.losses.schedules import learning_rate, ramp_up
from simcvd.losses.supervised import cross_entropy, sdm_error, soft_dice
from simcvd.methods.base import Batch, Method, Term
from simcvd.networks.ema import AveragedBuffers, decay_at, update_average
from simcvd.networks.projection import ProjectionHead
from simcvd.networks.vnet import Features, Segmenter, VNet


class SimCVD(Method):
    """Student and mean teacher with supervised, contrast, distillation and consistency terms (Eq. 6).

    `L = L_sup + lambda L_contrast + beta L_pd + gamma L_con`. A weight of 0 switches its term off, computation
    included; with lambda = beta = gamma = 0 no unlabelled crop is read and the teacher, still the student's average,
    never forwards.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        gather: stacks rows `[N, F]` of W workers to `[W * N, F]` in rank order, its backward pass summing the workers'
            gradients; none with one worker.

    Attributes:
        diagnostics: of the last call of `terms`, detached: `sdm_error`, the student's SDM error on the labelled
            crops, and `sdm_error_constant`, that of the best constant per class. Empty without SDM head.
    """

    def __init__(
        self,
        config: TrialConfig,
        image_channels: int,
        classes: int,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.config = config
        self.gather = gather
        loss = config.loss
        self.needs_unlabeled = loss.contrast > 0 or loss.distillation > 0 or loss.consistency > 0
        self.diagnostics: Mapping[str, Tensor] = {}
        self.networks = _initial_networks(config, image_channels, classes)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "sgd": torch.optim.SGD(
                [parameter for parameter in self.networks.parameters() if parameter.requires_grad],
                lr=config.training.learning_rate,
                momentum=config.training.momentum,
                weight_decay=config.training.weight_decay,
                foreach=True,
            )
        }

    def before_step(self, step: int) -> None:
        """Set the learning rate, and train mode for all networks: the teacher's dropout masks are the second view."""
        training = self.config.training
        rate = learning_rate(step, training.steps, training.learning_rate, training.learning_rate_drop_fraction)
        for group in self.optimisers["sgd"].param_groups:
            group["lr"] = rate
        self.networks.train()

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        """Return the terms of Eq. 6: one student forward over labelled and unlabelled crops, one teacher forward."""
        labeled = len(batch.image_labeled)
        if not self.needs_unlabeled:
            student: Features = self.networks["student"](
                _channels_last(batch.image_labeled), draws, "student", (labeled,)
            )
            with _float32(batch.image_labeled):
                return self._supervised(student, batch)

        assert batch.image_unlabeled is not None
        student_image = self._noisy(batch.image_unlabeled, draws, "student")
        teacher_image = self._noisy(batch.image_unlabeled, draws, "teacher")
        # Together, so that batch norm sees all crops (gap). Labelled crops stay clean.
        student = self.networks["student"](
            _channels_last(batch.image_labeled, student_image), draws, "student", (labeled, len(student_image))
        )
        with torch.no_grad():
            teacher: Features = self.networks["teacher"](
                _channels_last(teacher_image), draws, "teacher", (len(teacher_image),)
            )
        with _float32(student_image):
            terms = self._supervised(_part(student, slice(labeled)), batch)
            unlabeled = _part(student, slice(labeled, None))
            return terms + self._unsupervised(unlabeled, teacher, student_image, teacher_image, step, draws)

    def after_step(self, step: int) -> None:
        """Move the teacher and its projection head towards the student (exponential moving average)."""
        decay = decay_at(step, self.config.ema_decay)
        for student, teacher in (("student", "teacher"), ("student_projection", "teacher_projection")):
            if teacher in self.networks:
                update_average(self.networks[teacher], self.networks[student], decay)
        if "teacher_buffers" in self.networks:
            averages = self.networks["teacher_buffers"]
            assert isinstance(averages, AveragedBuffers)
            averages.update(self.networks["student"], decay)
            averages.copy_to(self.networks["teacher"])
        elif not self.needs_unlabeled:  # a teacher that never forwards has no statistics of its own
            _copy_buffers(self.networks["student"], self.networks["teacher"])

    def segmenters(self) -> dict[str, nn.Module]:
        """Return the student, which is what a trial is judged by, and the teacher."""
        student, teacher = self.networks["student"], self.networks["teacher"]
        assert isinstance(student, VNet)
        assert isinstance(teacher, VNet)
        return {"student": Segmenter(student), "teacher": Segmenter(teacher)}

    def _supervised(self, student: Features, batch: Batch) -> list[Term]:
        """Eq. 1 on the labelled crops."""
        logits = student.logits.float()
        terms = [
            Term("cross_entropy", cross_entropy(logits, batch.label), 0.5),
            Term("dice", soft_dice(logits.softmax(1), batch.label, self.gather), 0.5),
        ]
        if student.sdm is None:
            return terms
        alpha = self.config.loss.sdm
        error = sdm_error(student.sdm.float(), batch.sdm)
        if alpha > 0:
            terms.append(Term("sdm", error, alpha))
        constant = batch.sdm.mean((0, 2, 3, 4), keepdim=True)
        self.diagnostics = {
            "sdm_error": error.detach(),
            "sdm_error_constant": (batch.sdm - constant).square().mean(),
        }
        return terms

    def _unsupervised(
        self,
        student: Features,
        teacher: Features,
        student_image: Tensor,
        teacher_image: Tensor,
        step: int,
        draws: Draws,
    ) -> list[Term]:
        """Eqs. 2 to 5 on the unlabelled crops."""
        loss = self.config.loss
        ramp = ramp_up(step, self.config.training.steps, loss.ramp_up_fraction)
        student_probs, teacher_probs = student.logits.float().softmax(1), teacher.logits.float().softmax(1)
        student_sdm = None if student.sdm is None else student.sdm.float()
        teacher_sdm = None if teacher.sdm is None else teacher.sdm.float()
        terms = []
        if loss.contrast > 0:
            value = slice_contrast(
                self._rows("student", student_image, student_probs, student_sdm, draws),
                self._rows("teacher", teacher_image, teacher_probs, teacher_sdm, draws),
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
            value = consistency(student_probs, teacher_probs, student_sdm, teacher_sdm)
            terms.append(Term("consistency", value, loss.consistency * ramp))
        return terms

    def _rows(self, network: str, image: Tensor, probs: Tensor, sdm: Tensor | None, draws: Draws) -> Tensor:
        """Project the boundary-aware features, image + SDM, to one row per volume, class and slice `[U, K, Z, F]`.

        Gaps: several input channels are averaged; without SDM head the foreground probabilities take its place.
        """
        boundary = probs[:, 1:] if sdm is None else sdm
        feature = image.mean(1, keepdim=True) + boundary  # [U, K, X, Y, Z]
        rows: Tensor = self.networks[f"{network}_projection"](feature.flatten(0, 1), draws, network)
        return rows.view(*feature.shape[:2], *rows.shape[1:])

    def _noisy(self, image: Tensor, draws: Draws, network: str) -> Tensor:
        noise = self.config.noise
        drawn = draws.normal(f"{network}/noise", tuple(image.shape))
        return image + (noise.std * drawn).clamp(-noise.clip, noise.clip)


def _initial_networks(config: TrialConfig, image_channels: int, classes: int) -> nn.ModuleDict:
    """Build the student from the trial's seed and the teacher as its copy, without touching the global random state."""
    network, projection = config.network, config.projection
    networks = nn.ModuleDict()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(config.seed, "initial weights"))
        networks["student"] = VNet(
            image_channels,
            classes,
            classes - 1 if network.sdm_head else 0,
            network.width,
            network.dropout_bottleneck,
            network.dropout_last,
        ).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stub knows 4D formats only
        if config.loss.contrast > 0:
            networks["student_projection"] = ProjectionHead(
                projection.pool_size, projection.pooling, projection.hidden, projection.features, projection.dropout
            )
    for name in [name for name in networks if name.startswith("student")]:
        teacher = copy.deepcopy(networks[name]).requires_grad_(False)
        networks[name.replace("student", "teacher")] = teacher
    if config.ema.buffers == "average":
        networks["teacher_buffers"] = AveragedBuffers(networks["student"])
    if config.training.compile:
        for name in ("student", "teacher"):
            networks[name].compile()  # in place, so that state dicts keep their keys
    return networks


def _part(features: Features, crops: slice) -> Features:
    sdm = None if features.sdm is None else features.sdm[crops]
    return Features(features.logits[crops], sdm, features.bottleneck[crops])


def _channels_last(*images: Tensor) -> Tensor:
    return torch.cat(images).contiguous(memory_format=torch.channels_last_3d)


def _float32(reference: Tensor) -> torch.autocast:
    """Leave the caller's autocast: losses are computed in float32."""
    return torch.autocast(reference.device.type, enabled=False)


@torch.no_grad()
def _copy_buffers(source: nn.Module, target: nn.Module) -> None:
    for kept, value in zip(target.buffers(), source.buffers(), strict=True):
        kept.copy_(value)
