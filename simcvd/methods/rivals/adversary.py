"""The adversary that DAN and SASSNet share: the discriminator's optimiser and both adversarial terms."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from simcvd.draws import Draws
from simcvd.losses.adversarial import accuracy, adversarial, discrimination
from simcvd.methods.base import Batch, Term
from simcvd.methods.forward import without_autocast

_BETAS = (0.9, 0.99)


def adam(discriminator: nn.Module, learning_rate: float) -> torch.optim.Adam:
    """Return the discriminator's optimiser; betas as in the public code of SASSNet, the rate does not change."""
    return torch.optim.Adam(discriminator.parameters(), lr=learning_rate, betas=_BETAS, foreach=True)


def adversarial_terms(
    discriminator: nn.Module, labeled: Tensor, unlabeled: Tensor, batch: Batch, weight: float, draws: Draws
) -> tuple[list[Term], Mapping[str, Tensor]]:
    """Return the segmenting network's adversarial term and the discriminator's own, and its accuracies, detached.

    Both networks step at once, from the same outputs (gap: the public code lets the discriminator step after the
    segmenting network, on outputs computed anew in eval mode; that is one more forward pass of the V-Net). One backward
    pass serves both, since each term reaches one network alone: the adversarial term sees the discriminator's
    parameters detached, the discriminator's term the segmenting network's outputs detached.

    The discriminator's dropout acts in its own term only, as in the public code.

    Args:
        discriminator: judges maps beside images.
        labeled: maps of the labelled crops, `[L, M, X, Y, Z]`.
        unlabeled: maps of the unlabelled crops, `[U, M, X, Y, Z]`.
        batch: with the crops.
        weight: of the adversarial term; the discriminator's own has weight 1.
        draws: the step's draws.
    """
    assert batch.image_unlabeled is not None
    frozen = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
    fooled = functional_call(discriminator, frozen, (unlabeled, batch.image_unlabeled))

    maps = torch.cat((labeled, unlabeled)).detach()
    images = torch.cat((batch.image_labeled, batch.image_unlabeled))
    sizes = (len(labeled), len(unlabeled))
    judged_labeled, judged_unlabeled = discriminator(maps, images, draws, sizes).split(sizes)
    with without_autocast(images):
        terms = [
            Term("adversarial", adversarial(fooled), weight),
            Term("discriminator", discrimination(judged_labeled, judged_unlabeled), 1.0),
        ]
    right_labeled, right_unlabeled = accuracy(judged_labeled, judged_unlabeled)
    return terms, {
        "discriminator_accuracy_labeled": right_labeled,
        "discriminator_accuracy_unlabeled": right_unlabeled,
    }
