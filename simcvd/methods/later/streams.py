"""Several views of a step's crops through one network, and strong views with a box from another crop."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from simcvd.config.later import CutMixSettings
from simcvd.draws import Draws
from simcvd.losses.pseudo_label import PseudoLabel
from simcvd.methods.forward import Outputs
from simcvd.methods.rivals.ict import partners
from simcvd.networks.base import Features
from simcvd.networks.vnet import VNet, drop_channels
from simcvd.transforms.boxes import draw_cutmix_boxes, paste
from simcvd.transforms.strong_view import apply_strong_view, draw_strong_view


def forward_parts(network: nn.Module, parts: Sequence[Tensor], draws: Draws, name: str) -> list[Outputs]:
    """Run `network` once over all parts, so that batch norm sees all of them; each part has its own dropout masks.

    Args:
        network: any.
        parts: each `[B, I, X, Y, Z]`.
        draws: the step's draws.
        name: names the dropout masks.
    """
    together = torch.cat(tuple(parts)).contiguous(memory_format=torch.channels_last_3d)
    sizes = tuple(len(part) for part in parts)
    return _split(network(together, draws, name, sizes), sizes)


def forward_perturbed(
    student: VNet,
    whole: Tensor,
    perturbed: Tensor,
    rates: Sequence[float],
    dropout_last: float,
    draws: Draws,
    name: str,
) -> list[Outputs]:
    """Run a V-Net over two parts, the second one also with channels dropped from all maps that its decoder takes.

    The encoder sees each crop once, the decoder the second part once more for each rate.

    Args:
        student: the network.
        whole: `[B, I, X, Y, Z]`.
        perturbed: `[P, I, X, Y, Z]`.
        rates: of the channel dropout of each perturbation.
        dropout_last: of the dropout after the last level, with the network's own draws.
        draws: the step's draws.
        name: names the dropout masks.

    Returns:
        The outputs of both parts as they are, then those of the second one under each rate.
    """
    image = torch.cat((whole, perturbed)).contiguous(memory_format=torch.channels_last_3d)
    bottleneck, skips = student.encode(image)
    sizes = (len(whole), *(len(perturbed),) * (1 + len(rates)))
    maps = []
    for level, found in enumerate((*skips, bottleneck)):
        own = found[len(whole) :]
        dropped = [
            drop_channels(own, rate, draws.uniform(f"{name}/perturbed/{number}/{level}", tuple(own.shape[:2])))
            for number, rate in enumerate(rates)
        ]
        maps.append(torch.cat((found, *dropped)))
    del skips, found
    deepest = maps.pop()
    last = student.decode(deepest, maps, draws, name, sizes)
    last = student.dropout(last, dropout_last, draws, f"{name}/last", sizes)
    return _split(student.features(student.heads(last), deepest), sizes)


@torch.no_grad()
def strong_stream(
    image: Tensor,
    targets: Sequence[PseudoLabel],
    settings: CutMixSettings,
    draws: Draws,
    name: str,
    gather: Callable[[Tensor], Tensor] | None,
) -> tuple[Tensor, list[PseudoLabel]]:
    """Return strong views of crops, a box of each the next crop's, and what they should say, mixed alike.

    Gap: the public codes draw the other crop from a second batch and predict it in eval mode; here it is the next one
    of the whole batch, the last one's the first, and its labels are those that it has anyway.

    Args:
        image: `[U, I, X, Y, Z]`.
        targets: pseudo-labels of these crops.
        settings: of views and boxes.
        draws: the step's draws.
        name: of the view; another name is another draw.
        gather: stacks rows of several workers; none with one.
    """
    view = apply_strong_view(image, draw_strong_view(draws, name, tuple(image.shape), settings))
    packed = torch.cat([view] + [value.unsqueeze(1).float() for target in targets for value in target], 1)
    boxes = draw_cutmix_boxes(
        draws,
        f"{name}/box",
        len(image),
        probability=settings.box_probability,
        smallest=settings.box_smallest,
        largest=settings.box_largest,
    )
    mixed = paste(packed, partners(packed, draws, gather), boxes.mask(tuple(image.shape[2:])))
    seen, values = mixed[:, : image.shape[1]], mixed[:, image.shape[1] :].unbind(1)
    labels = [PseudoLabel(label.long(), sure) for label, sure in zip(values[::2], values[1::2], strict=True)]
    return seen, labels


def _split(features: Features, sizes: tuple[int, ...]) -> list[Outputs]:
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return [Outputs.of(features, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
