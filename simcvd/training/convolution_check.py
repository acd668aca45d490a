"""Does this device compute the trial's convolutions right in bfloat16? Some do not.

cuDNN 9.8 to 9.14 were reported to compute some 3D convolutions wrong in bfloat16 (pytorch issue 163539), and CPUs were
seen to compute weight gradients of small blocks wrong. So each distinct convolution of a trial is compared with float32
before it trains, data and weight gradients included.
"""

import functools
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.device_errors import is_out_of_memory
from simcvd.methods.registry import create
from simcvd.networks.base import Network
from simcvd.networks.convolution import Conv3d, ConvTranspose3d, is_small
from simcvd.networks.discriminator import Discriminator

LARGEST_ERROR = 0.01
"""Relative error that rounding to bfloat16 stays well below: 0.2 % is usual."""

_PARTS = ("output", "data gradient", "weight gradient")


@dataclass(frozen=True)
class Convolution:
    """One convolution as a training step runs it.

    Attributes:
        image: shape of its input `[B, I, X, Y, Z]`.
        weight: shape of its weights.
        stride: voxels from one output to the next.
        padding: voxels added at each side.
        transposed: whether it enlarges.
        dilation: voxels from one weight to the next.
        groups: parts of the channels that are convolved apart.
    """

    image: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    transposed: bool
    dilation: tuple[int, ...] = (1, 1, 1)
    groups: int = 1

    @classmethod
    def of(cls, module: nn.Conv3d | nn.ConvTranspose3d, image: tuple[int, ...]) -> Self:
        """Return the convolution of a module on an input of this shape."""
        sides = zip(module.kernel_size, module.dilation, strict=True)
        same = tuple(step * (side - 1) // 2 for side, step in sides) if module.padding == "same" else (0, 0, 0)
        return cls(
            image,
            tuple(module.weight.shape),
            module.stride,
            same if isinstance(module.padding, str) else module.padding,
            isinstance(module, nn.ConvTranspose3d),
            module.dilation,
            module.groups,
        )

    def compute(self, image: Tensor, weight: Tensor) -> Tensor:
        """Convolve an image with weights, both of these shapes."""
        return torch.convolution(
            image, weight, None, self.stride, self.padding, self.dilation, self.transposed, (0, 0, 0), self.groups
        )

    def __str__(self) -> str:
        kernel, sides = ("x".join(map(str, shape[2:])) for shape in (self.weight, self.image))
        inputs = self.image[1]
        outputs = self.weight[1] * self.groups if self.transposed else self.weight[0]
        kind = "transposed convolution" if self.transposed else "convolution"
        return f"the {kernel} {kind} from {inputs} to {outputs} channels of {self.image[0]} blocks of {sides}"


def wrong_convolution(config: TrialConfig, image_channels: int, classes: int, device: torch.device) -> str | None:
    """Compare each distinct convolution of a trial in bfloat16 with float32 on `device`.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        device: a GPU, float32 without TF32 there (`choose_device`), or the CPU.

    Returns:
        The first one whose output, data gradient or weight gradient differs by more than `LARGEST_ERROR`, with the
        error, in words; none where all are right. Asked again in the same process, it is not computed again.
    """
    for convolution in convolutions_of(config, image_channels, classes, device):
        for part, error in _errors_where_they_fit(convolution, device).items():
            if not error <= LARGEST_ERROR:  # NaN too
                return f"{convolution} has a {part} with a relative error of {error:.2g}"
    return None


def convolutions_of(
    config: TrialConfig, image_channels: int, classes: int, device: torch.device | None = None
) -> list[Convolution]:
    """Return each distinct convolution of a training step and of prediction, found without computing anything.

    On the CPU without those that networks compute in float32 there. None where the networks can't be run.
    """
    for place in ("meta", device or "cpu"):  # a network that looks at values needs some
        networks = create(config, image_channels, classes).networks.eval()
        try:
            return _seen(networks.to(place), config, image_channels, device)
        except (RuntimeError, NotImplementedError) as error:
            if is_out_of_memory(error):
                raise
    return []  # what can't be run is told by the training itself, in its own words


def _seen(
    networks: nn.Module, config: TrialConfig, image_channels: int, device: torch.device | None
) -> list[Convolution]:
    """Run networks where they are; return each distinct convolution that was run."""
    found: dict[Convolution, None] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.Conv3d | nn.ConvTranspose3d)
        convolution = Convolution.of(module, tuple(inputs[0].shape))
        if device is not None and device.type == "cpu" and isinstance(module, Conv3d | ConvTranspose3d):
            step = (1, 1, 1) if convolution.transposed else convolution.stride
            if is_small(convolution.image[2:], step):
                return
        found[convolution] = None

    for module in networks.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            module.register_forward_pre_hook(note)
    training, crop = config.training, config.data.crop_vox
    batches = {training.batch_labeled + training.batch_unlabeled, config.inference.batch_windows}
    with next(networks.parameters()).device, torch.no_grad():
        for network in networks.children():
            for batch in sorted(batches):
                if isinstance(network, Network):
                    network(torch.zeros(batch, image_channels, *crop))
                if isinstance(network, Discriminator):
                    nn.Sequential(*network.convolutions)(torch.zeros(batch, network.inputs, *crop))
    return list(found)


def _errors_where_they_fit(convolution: Convolution, device: torch.device) -> dict[str, float]:
    """Return `bfloat16_errors`, of one block where the memory does not suffice for a batch in float32."""
    try:
        return bfloat16_errors(convolution, device)
    except RuntimeError as error:
        if not is_out_of_memory(error) or convolution.image[0] == 1:
            raise
    torch.cuda.empty_cache()
    return bfloat16_errors(replace(convolution, image=(1, *convolution.image[1:])), device)


@functools.cache
def bfloat16_errors(convolution: Convolution, device: torch.device) -> dict[str, float]:
    """Return the relative errors in bfloat16 of output, data gradient and weight gradient, in the Euclidean norm.

    A process computes them once for each convolution and device.
    """
    generator = torch.Generator(device).manual_seed(0)

    def drawn(shape: tuple[int, ...]) -> Tensor:
        numbers = torch.randn(shape, generator=generator, device=device).bfloat16()
        return numbers.contiguous(memory_format=torch.channels_last_3d)

    image, weight = drawn(convolution.image), drawn(convolution.weight)
    change: Tensor | None = None  # of the output: the gradient that arrives there
    results: dict[torch.dtype, tuple[Tensor, ...]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        inputs = (image.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_())
        output = convolution.compute(*inputs)
        change = drawn(tuple(output.shape)) if change is None else change
        results[dtype] = (output.detach(), *torch.autograd.grad(output, inputs, change.to(dtype)))
    parts = zip(_PARTS, results[torch.bfloat16], results[torch.float32], strict=True)
    return {name: float((found.float() - right).norm() / right.norm()) for name, found, right in parts}
