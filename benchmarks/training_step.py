"""One SimCVD step: the same network and losses, float32, contiguous, a scipy distance map per step, against ours.

The two ways have a process each, since ours changes what a process does with the memory that it frees.
The default crop is small enough for seconds; the Left Atrium's is `--crop 112x112x80`.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pairs import apart, compare, parser, show, sides
from synthetic import make_image, make_mask
from usual_sdm import usual_sdm

from simcvd.config import from_mapping
from simcvd.data.batch import Batch
from simcvd.data.sdm import signed_distance_maps
from simcvd.draws import Draws
from simcvd.methods.base import Method
from simcvd.methods.registry import create
from simcvd.training.environment import choose_device
from simcvd.training.precision import Precision, choose_precision


def make_batch(crop: tuple[int, int, int], size: int, device: torch.device) -> Batch:
    """Make `size` labelled and `size` unlabelled crops."""
    labels = np.stack([make_mask(seed, crop) for seed in range(size)])
    images = np.stack([make_image(seed, label)[None] for seed, label in enumerate([*labels, *labels])])
    maps = np.stack([signed_distance_maps(label, 1) for label in labels]).astype(np.float32)
    image, label, sdm = (torch.from_numpy(array).to(device) for array in (images, labels.astype(np.int64), maps))
    depth = torch.tensor((0.0, 1.0), device=device).expand(size, 2)
    return Batch(image[:size].contiguous(), label, sdm, image[size:].contiguous(), depth, depth)


def step(method: Method, batch: Batch, number: int, precision: Precision) -> float:
    """Do one training step and return its loss."""
    method.before_step(number)
    with precision.autocast():
        terms = method.terms(batch, number, Draws(0, number, batch.label.device))
    loss = torch.stack([term.weight * term.value for term in terms]).sum()
    loss.backward()
    for optimiser in method.stepping(number):
        optimiser.step()
    method.networks.zero_grad(set_to_none=True)
    method.after_step(number)
    return loss.item()


def make_contiguous(method: Method) -> None:
    """Keep weights and inputs of a method's networks in torch's default memory format."""

    def plain(_: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return inputs[0].contiguous(memory_format=torch.contiguous_format), *inputs[1:]

    for name in ("student", "teacher"):
        method.networks[name].to(memory_format=torch.contiguous_format)
        method.networks[name].register_forward_pre_hook(plain)


def usual_way(
    crop: tuple[int, int, int], size: int, width: int, device: torch.device, threads: int
) -> Callable[[], float]:
    """Return what does the field's step on the same crops and returns its loss."""
    torch.set_num_threads(threads)
    batch = make_batch(crop, size, device)
    method = create(from_mapping(_settings(crop, width)), 1, 2)
    method.networks.to(device)
    make_contiguous(method)
    exact = Precision("float32", device.type)
    numbers = itertools.count(1)

    def usual() -> float:
        maps = np.stack([usual_sdm(label)[None] for label in batch.label.cpu().numpy()])
        fresh = replace(batch, sdm=torch.from_numpy(maps).to(device))
        return step(method, fresh, next(numbers), exact)

    return usual


def _settings(crop: tuple[int, int, int], width: int) -> dict[str, Any]:
    return {"data.crop_vox": list(crop), "inference.stride_vox": [1, 1, 1], "network.width": width}


def main() -> None:
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--crop", type=sides, default=(48, 48, 32), help="voxels of a crop")
    arguments.add_argument("--batch", type=int, default=2, help="labelled crops, and as many unlabelled ones")
    arguments.add_argument("--width", type=int, default=16, help="channels of the V-Net's first level")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", default="auto", help="of ours: auto, float32 or bfloat16")
    arguments.add_argument("--compile", action="store_true", help="ours through torch.compile")
    arguments.add_argument("--threads", type=int, default=None, help="threads of torch, both ways")
    given = arguments.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    device = choose_device(given.device)
    precision = choose_precision(given.precision, device)
    threads = torch.get_num_threads()
    usual = apart("training_step", "usual_way", given.crop, given.batch, given.width, device, threads)
    batch = make_batch(given.crop, given.batch, device)
    settings = {**_settings(given.crop, given.width), "training.compile": given.compile}
    method = create(from_mapping(settings), 1, 2)
    method.networks.to(device)
    numbers = itertools.count(1)

    def ours() -> float:
        return step(method, batch, next(numbers), precision)

    losses = usual(), ours()
    finish = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    crops = f"{given.batch} + {given.batch} crops of {'x'.join(map(str, given.crop))}"
    row = compare(crops, usual, ours, given.repeats, f"first losses {losses[0]:.4f}, {losses[1]:.4f}", finish)
    at_least = 5 if device.type == "cuda" else 7 if math.prod(given.crop) >= 1_000_000 else 4
    show([row], given.json, at_least=at_least, device=device, precision=precision.name, threads=threads)


if __name__ == "__main__":
    main()
