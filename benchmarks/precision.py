"""Is bfloat16 right? Every convolution's weight gradient against float32, and the final Dice of both precisions.

The first part runs one training step's forward and backward pass in bfloat16 at each preset's crop, keeps each
convolution's input and output gradient, and computes the weight gradient from them again in float32. It uses the
device's own bfloat16 kernels; a CPU without bfloat16 arithmetic takes about a hundred times as long as for float32.

The second part, `--dice SEEDS`, trains the phantom preset in both precisions. Where the device has no bfloat16
arithmetic, convolutions multiply bfloat16 numbers in float32 and round the result, as such hardware does.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pairs import about_machine, parser, sides
from torch import Tensor, nn
from torch.nn import functional

from simcvd.config import PRESETS, apply_settings, load_preset
from simcvd.data.phantom import write_phantom
from simcvd.draws import Draws
from simcvd.networks import convolution
from simcvd.networks.vnet import VNet
from simcvd.training import precision, run
from simcvd.training.environment import choose_device
from simcvd.training.evaluation import evaluate_trial

WORST_ALLOWED = 0.01


def weight_gradient_errors(crop: tuple[int, int, int], width: int, device: torch.device) -> dict[str, float]:
    """Return |bfloat16 - float32| / |float32| of every convolution's weight gradient, by name."""
    torch.manual_seed(0)
    network = VNet(1, 2, 1, width, dropout_last=0.0).to(device, memory_format=torch.channels_last_3d)
    convolutions = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)}
    inputs: dict[str, Tensor] = {}
    gradients: dict[str, Tensor] = {}
    for name, module in convolutions.items():
        module.register_forward_hook(_keep(name, inputs, gradients))
    image = torch.randn(1, 1, *crop, device=device).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(device.type, torch.bfloat16):
        features = network(image, Draws(0, 0, device))
    label = torch.randint(0, 2, (1, *crop), device=device)
    loss = functional.cross_entropy(features.logits.float(), label)
    assert features.sdm is not None
    (loss + features.sdm.float().square().mean()).backward()
    return {name: _error(module, inputs[name], gradients[name]) for name, module in convolutions.items()}


def _keep(name: str, inputs: dict[str, Tensor], gradients: dict[str, Tensor]) -> Callable[..., None]:
    def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        inputs[name] = arguments[0].detach()
        output.register_hook(lambda gradient: gradients.__setitem__(name, gradient.detach()))

    return hook


def _error(module: Any, given: Tensor, gradient: Tensor) -> float:
    small = min(given.shape[2:]) < 3 or min(gradient.shape[2:]) < 3
    exact = given.float() if small else given.bfloat16().float()
    weight = module.weight.detach().float().requires_grad_()
    transposed = isinstance(module, nn.ConvTranspose3d)
    convolve = functional.conv_transpose3d if transposed else functional.conv3d
    output = convolve(exact, weight, None, module.stride, module.padding)
    (reference,) = torch.autograd.grad(output, weight, gradient.float())
    return float((module.weight.grad - reference).norm() / reference.norm())


def emulate_bfloat16() -> None:
    """Let convolutions round what they read and write to bfloat16 and multiply in float32, as such hardware does."""

    def rounded(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.bfloat16().float()

    def conv(self: Any, image: Tensor) -> Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return nn.Conv3d.forward(self, image)
        with torch.autocast("cpu", enabled=False):
            return self._conv_forward(rounded(image), rounded(self.weight), rounded(self.bias)).bfloat16()

    def transposed(self: Any, image: Tensor, output_size: None = None) -> Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return nn.ConvTranspose3d.forward(self, image)
        with torch.autocast("cpu", enabled=False):
            weight, bias = rounded(self.weight), rounded(self.bias)
            assert weight is not None
            return functional.conv_transpose3d(rounded(image), weight, bias, self.stride).bfloat16()

    convolution.Conv3d.forward = conv  # type: ignore[method-assign,assignment]
    convolution.ConvTranspose3d.forward = transposed  # type: ignore[method-assign,assignment]
    precision.has_fast_bfloat16 = lambda device: True


def final_dice(seeds: int, device: str) -> None:
    """Train the phantom preset in both precisions and print the test Dice of each."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "phantom"
        write_phantom(data)
        for name in ("float32", "bfloat16"):
            means = []
            for seed in range(seeds):
                config = apply_settings(load_preset("phantom"), {"seed": seed, "training.precision": name})
                trial = Path(folder) / f"{name}-{seed}"
                run.run_training(config, data, trial, device=device)
                # Scored in float32 both, so that the weights alone differ.
                (trial / "config.yaml").write_text((trial / "config.yaml").read_text().replace("bfloat16", "float32"))
                means.append(float(np.mean([s.dice for s in evaluate_trial(trial, data, "test", device=device)])))
            shown = ", ".join(f"{mean:.4f}" for mean in means)
            print(f"{name:9} test Dice of seeds 0 to {seeds - 1}: {shown}; mean {np.mean(means):.4f}", flush=True)


def main() -> None:
    arguments = parser(__doc__, repeats=1)
    arguments.add_argument("--crop", type=sides, action="append", help="voxels of a crop; default: every preset's")
    arguments.add_argument("--width", type=int, default=None, help="first level's channels; default: the preset's")
    arguments.add_argument(
        "--dice", type=int, metavar="SEEDS", default=0, help="train the phantom with this many seeds"
    )
    arguments.add_argument("--device", default="auto")
    given = arguments.parse_args()
    device = choose_device(given.device)
    if given.dice:
        if not precision.has_fast_bfloat16(device):
            print("this device has no bfloat16 arithmetic: convolutions round to bfloat16 and multiply in float32")
            emulate_bfloat16()
        final_dice(given.dice, given.device)
        return
    presets = {tuple(load_preset(name).data.crop_vox): load_preset(name).network.width for name in PRESETS}
    found = []
    for crop in given.crop or presets:
        started = time.monotonic()
        errors = weight_gradient_errors(crop, given.width or presets.get(crop, 16), device)
        worst = max(errors, key=lambda name: errors[name] if errors[name] == errors[name] else np.inf)
        name, median = "x".join(map(str, crop)), float(np.median(list(errors.values())))
        found.append({"crop": name, "convolutions": len(errors), "median": median, "worst": errors[worst]})
        if not given.json:
            verdict = "right" if errors[worst] <= WORST_ALLOWED else "WRONG"
            print(
                f"{name:12} {len(errors)} convolutions, median {median:.3%}, worst {errors[worst]:.3%} ({worst}): "
                f"{verdict}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    if given.json:
        print(
            json.dumps(
                {"machine": about_machine(device=device), "worst_allowed": WORST_ALLOWED, "crops": found}, default=str
            )
        )


if __name__ == "__main__":
    main()
