"""Sliding window over one case: batch 1, float32, contiguous, sums in numpy, against ours, a process each.

The default volume is small enough for seconds; the Left Atrium's is
`--width 16 --shape 190x140x88 --crop 112x112x80 --stride 18x18x4`.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import apart, compare, parser, show, sides
from torch import nn

from simcvd.inference.fusion import for_inference
from simcvd.inference.sliding_window import Vox3, segment, window_starts
from simcvd.networks.base import Segmenter
from simcvd.networks.vnet import VNet
from simcvd.training.environment import choose_device
from simcvd.training.precision import choose_precision


def usual_segment(
    network: nn.Module, image: np.ndarray, crop: tuple[int, ...], stride: tuple[int, ...], device: torch.device
) -> np.ndarray:
    """Segment as the field's test code does."""
    sums = np.zeros((2, *image.shape[1:]), np.float32)
    counts = np.zeros(image.shape[1:], np.float32)
    for start in window_starts(image.shape[1:], crop, stride):
        place = tuple(slice(first, first + side) for first, side in zip(start, crop, strict=True))
        window = torch.from_numpy(image[(slice(None), *place)][np.newaxis].astype(np.float32)).to(device)
        with torch.no_grad():
            probs = network(window).softmax(1).cpu().numpy()[0]
        sums[(slice(None), *place)] += probs
        counts[place] += 1
    return (sums / counts).argmax(0)


def usual_way(
    shape: Vox3, crop: Vox3, stride: Vox3, width: int, device: torch.device, threads: int
) -> Callable[[], NDArray[np.uint8]]:
    """Return what segments the same case as the field's test code does."""
    torch.set_num_threads(threads)
    image = make_image(shape)
    network = make_network(image, crop, width, device)
    return lambda: usual_segment(network, image, crop, stride, device)


def make_image(shape: Vox3) -> NDArray[np.float32]:
    """Make one channel of noise."""
    return np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)


@torch.no_grad()
def make_network(image: NDArray[np.float32], crop: Vox3, width: int, device: torch.device) -> Segmenter:
    """Make a network whose batch norms have statistics and whose classes are in balance: its mask has structure."""
    torch.manual_seed(0)
    network = Segmenter(VNet(1, 2, sdm_channels=1, width=width)).to(device)
    sample = torch.from_numpy(image[None, :, : crop[0], : crop[1], : crop[2]]).to(device)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = None
    network.train()
    network.network.dropout_bottleneck = network.network.dropout_last = 0.0
    network(sample)
    network.eval()
    network.network.heads.bias[:2] -= network(sample).mean((0, 2, 3, 4))
    return network


def main() -> None:
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--shape", type=sides, default=(80, 64, 48), help="voxels of the case")
    arguments.add_argument("--crop", type=sides, default=(48, 48, 32), help="voxels of a window")
    arguments.add_argument("--stride", type=sides, default=(16, 16, 16), help="voxels from window to window")
    arguments.add_argument("--width", type=int, default=16, help="channels of the V-Net's first level")
    arguments.add_argument("--batch", type=int, default=4, help="windows a forward pass, ours")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", default="auto", help="of ours: auto, float32 or bfloat16")
    arguments.add_argument("--threads", type=int, default=None, help="threads of torch, both ways")
    given = arguments.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    device = choose_device(given.device)
    precision = choose_precision(given.precision, device)

    threads = torch.get_num_threads()
    sizes = given.shape, given.crop, given.stride
    usual = apart("sliding_window", "usual_way", *sizes, given.width, device, threads)
    image = make_image(given.shape)
    frozen = for_inference(make_network(image, given.crop, given.width, device))

    def ours() -> np.ndarray:
        return segment(
            frozen,
            image,
            given.crop,
            given.stride,
            device=device,
            batch_windows=given.batch,
            precision=precision.autocast,
        )

    same = float((usual() == ours()).mean())
    windows = len(window_starts(given.shape, given.crop, given.stride))
    finish = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    row = compare(f"{windows} windows", usual, ours, given.repeats, f"{same:.4%} of voxels alike", finish)
    show([row], given.json, at_least=4, device=device, precision=precision.name, threads=threads)


if __name__ == "__main__":
    main()
