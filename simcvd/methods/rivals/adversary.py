"""The adversary that DAN and SASSNet share: a discriminator, its optimiser, and both adversarial terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from simcvd.config.methods import DANConfig, SASSNetConfig
from simcvd.draws import Draws
from simcvd.losses.adversarial import accuracy, adversarial, discrimination
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.forward import Outputs, forward_together, without_autocast
from simcvd.networks.discriminator import build_discriminator

_BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class _Step:
    """What the discriminator needs of a step that the segmenting network has done."""

    batch: Batch
    draws: Draws
    autocast: torch.autocast


class Adversary:
    """A discriminator that learns at once with the segmenting network, or after its step.

    At once, both step from the same outputs and one backward pass serves both, since each term reaches one network
    alone: the adversarial term sees the discriminator's parameters detached, the discriminator's term the segmenting
    network's outputs detached. After, as in the public code: once the segmenting network has stepped, the discriminator
    learns from what that returns for the same crops in eval mode. The discriminator's dropout acts in its own term
    only, as in the public code.

    Args:
        discriminator: judges maps beside images.
        learning_rate: of its Adam; betas as in the public code of SASSNet, the rate does not change.
        after: whether it learns after the segmenting network's step.
        judged: takes what is judged from a network's outputs.
        gather: stacks rows of several workers; none with one.

    Attributes:
        optimiser: the discriminator's.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        learning_rate: float,
        after: bool,
        judged: Callable[[Outputs], Tensor],
        gather: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.discriminator, self.judged, self.gather = discriminator, judged, gather
        self.optimiser = torch.optim.Adam(discriminator.parameters(), lr=learning_rate, betas=_BETAS, foreach=True)
        self._after = after
        self._step: _Step | None = None

    def terms(
        self, labeled: Outputs, unlabeled: Outputs, batch: Batch, weight: float, draws: Draws
    ) -> tuple[list[Term], Mapping[str, Tensor]]:
        """Return the segmenting network's term and, at once, the discriminator's own and its accuracies, detached.

        Args:
            labeled: the segmenting network's outputs of the labelled crops.
            unlabeled: those of the unlabelled crops.
            batch: with the crops.
            weight: of the adversarial term; the discriminator's own has weight 1.
            draws: the step's draws.
        """
        assert batch.image_unlabeled is not None
        frozen = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        fooled = functional_call(self.discriminator, frozen, (self.judged(unlabeled), batch.image_unlabeled))
        with without_autocast(batch.image_labeled):
            against = Term("adversarial", adversarial(fooled), weight)
        if self._after:
            self._step = _Step(batch, draws, _autocast_of(batch.image_labeled))
            return [against], {}
        own, accuracies = self._own(labeled, unlabeled, batch, draws)
        return [against, Term("discriminator", own, 1.0)], accuracies

    def after_step(self, segmenter: nn.Module) -> Mapping[str, Tensor]:
        """Do the discriminator's step where it comes after; return its loss and accuracies, detached.

        Args:
            segmenter: the segmenting network, which has done its step.
        """
        step, self._step = self._step, None
        if step is None:
            return {}
        segmenter.eval()
        with torch.no_grad(), step.autocast:
            outputs = forward_together(
                segmenter, step.batch.image_labeled, step.batch.image_unlabeled, step.draws, "student"
            )
        segmenter.train()
        labeled, unlabeled = outputs
        assert unlabeled is not None
        with step.autocast:
            loss, accuracies = self._own(labeled, unlabeled, step.batch, step.draws)
        loss.backward()  # type: ignore[no-untyped-call]
        self._average_gradients()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return {"discriminator": loss.detach(), **accuracies}

    def _own(
        self, labeled: Outputs, unlabeled: Outputs, batch: Batch, draws: Draws
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return what the discriminator minimises, and its accuracies."""
        assert batch.image_unlabeled is not None
        maps = torch.cat((self.judged(labeled), self.judged(unlabeled))).detach()
        images = torch.cat((batch.image_labeled, batch.image_unlabeled))
        sizes = (len(batch.image_labeled), len(batch.image_unlabeled))
        of_labeled, of_unlabeled = self.discriminator(maps, images, draws, sizes).split(sizes)
        right_labeled, right_unlabeled = accuracy(of_labeled, of_unlabeled)
        with without_autocast(images):
            loss = discrimination(of_labeled, of_unlabeled)
        return loss, {
            "discriminator_accuracy_labeled": right_labeled,
            "discriminator_accuracy_unlabeled": right_unlabeled,
        }

    @torch.no_grad()
    def _average_gradients(self) -> None:
        """Replace the discriminator's gradients by their means over the workers, in one message."""
        if self.gather is None:
            return
        gradients = [parameter.grad for parameter in self.discriminator.parameters() if parameter.grad is not None]
        means = self.gather(torch.cat([gradient.reshape(1, -1) for gradient in gradients], 1)).mean(0)
        for gradient, mean in zip(gradients, torch.split(means, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))


class AdversarialMethod(Method):
    """A method with an adversary, none where its term has no weight.

    Attributes:
        adversary: judges what the student returns.
    """

    adversary: Adversary | None = None

    def add_adversary(
        self, settings: DANConfig | SASSNetConfig, image_channels: int, maps: int, judged: Callable[[Outputs], Tensor]
    ) -> None:
        """Add the discriminator and its optimiser, where the adversarial term has weight.

        Args:
            settings: the method's own.
            image_channels: I, channels of the image.
            maps: channels of what is judged.
            judged: takes it from a network's outputs.
        """
        if not self.needs_unlabeled:
            return
        width, strides = settings.discriminator_width, self.config.network.strides
        discriminator = build_discriminator(self.config.seed, image_channels, maps, width, strides)
        self.networks["discriminator"] = discriminator
        rate, after = settings.discriminator_learning_rate, settings.discriminator_after
        self.adversary = Adversary(discriminator, rate, after, judged, self.gather)
        self.optimisers["discriminator"] = self.adversary.optimiser

    def after_step(self, step: int) -> None:
        """Let the discriminator learn, where it does so after the segmenting network's step."""
        super().after_step(step)
        if self.adversary is not None:
            self.diagnostics = {**self.diagnostics, **self.adversary.after_step(self.networks["student"])}


def _autocast_of(reference: Tensor) -> torch.autocast:
    """Return the arithmetic that is on, to be entered again."""
    kind = reference.device.type
    return torch.autocast(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
