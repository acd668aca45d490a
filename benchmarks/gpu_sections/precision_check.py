"""Section `precision`: is bfloat16 right here? Every distinct convolution of the V-Net against float32."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpu_sections.bench import Bench
from gpu_sections.children import relay
from simcvd.config import PRESETS
from simcvd.draws import Draws
from simcvd.networks.build import build_network
from simcvd.training.convolution_check import wrong_convolution

PARTS = ("output", "data_gradient", "weight_gradient")
ROUNDING = 0.01


def measure(bench: Bench) -> None:
    """Each distinct convolution of every preset in bfloat16 against float32; the check that a trial makes first."""
    for preset in PRESETS:
        with bench.attempt(preset=preset):
            _measure_preset(bench, preset, cudnn_benchmark=False)
    # As a trial does it, in a process that has not computed anything; torch keeps the algorithms that it found.
    relay(bench, "trials_check")
    if not bench.lacks_cuda("bfloat16_error with cudnn.benchmark"):
        relay(bench, "precision_with_benchmark")


def trials_check(bench: Bench, given: Any) -> None:
    """Tell what the check that a trial makes says, and what it costs."""
    torch.ones(1, device=bench.device).sum().item()
    for preset in PRESETS:
        bench.peak(reset=True)
        started = time.perf_counter()
        wrong = wrong_convolution(bench.config(preset), 1, 2, bench.device)
        seconds = time.perf_counter() - started
        bench.figure("wrong_convolution", wrong, "", preset=preset, seconds=seconds, peak_bytes=bench.peak())
        bench.free()


def with_benchmark(bench: Bench, given: Any) -> None:
    """Do the same as `measure` for the Left Atrium's shapes where cuDNN tries its algorithms."""
    torch.backends.cudnn.benchmark = True
    _measure_preset(bench, "la", cudnn_benchmark=True)


def _measure_preset(bench: Bench, preset: str, *, cudnn_benchmark: bool) -> None:
    config = bench.config(preset)
    torch.manual_seed(0)
    network = build_network(config, 1, 2, 1).to(bench.device)
    size = config.training.batch_labeled + config.training.batch_unlabeled
    kept = _keep_all(network, (size, 1, *config.data.crop_vox), bench.device)
    errors = {name: _errors(*one) for name, one in kept.items()}
    for part in PARTS:
        own = {name: error[part] for name, error in errors.items()}
        worst = max(own, key=lambda name: own[name] if own[name] == own[name] else float("inf"))
        module, given, _ = kept[worst]
        bench.figure(
            "bfloat16_error",
            own[worst],
            "of the norm",
            part=part,
            preset=preset,
            cudnn_benchmark=cudnn_benchmark,
            worst=f"{worst}: {tuple(module.weight.shape)} on {tuple(given.shape)}",
            median=statistics.median(own.values()),
            above_rounding=[name for name, error in own.items() if not error <= ROUNDING],
            convolutions=len(own),
        )


def _keep_all(
    network: nn.Module, shape: tuple[int, ...], device: torch.device
) -> dict[str, tuple[Any, Tensor, Tensor]]:
    """Do a forward and a backward pass; return module, input and gradient of each distinct convolution by its name."""
    inputs: dict[str, Tensor] = {}
    gradients: dict[str, Tensor] = {}
    modules = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)}
    hooks = [module.register_forward_hook(_keep(name, inputs, gradients)) for name, module in modules.items()]
    image = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(device.type, torch.bfloat16):
        features = network(image, Draws(0, 0, device))
    label = torch.randint(0, 2, (shape[0], *shape[2:]), device=device)
    (functional.cross_entropy(features.logits.float(), label) + features.sdm.float().square().mean()).backward()
    for hook in hooks:
        hook.remove()
    distinct: dict[Any, str] = {}
    for name, module in modules.items():
        distinct.setdefault((type(module), module.weight.shape, inputs[name].shape, module.stride), name)
    return {name: (modules[name], inputs[name], gradients[name]) for name in distinct.values()}


def _keep(name: str, inputs: dict[str, Tensor], gradients: dict[str, Tensor]) -> Callable[..., None]:
    def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        inputs[name] = arguments[0].detach()
        output.register_hook(lambda gradient: gradients.__setitem__(name, gradient.detach()))

    return hook


def _errors(module: Any, given: Tensor, gradient: Tensor) -> dict[str, float]:
    """Return |bfloat16 - float32| / |float32| of output, data gradient and weight gradient."""
    image = given.bfloat16().requires_grad_()
    with torch.autocast(image.device.type, torch.bfloat16):
        output = module(image)
    found = (output.detach(), *torch.autograd.grad(output, (image, module.weight), gradient.to(output.dtype)))

    exact = image.detach().float().requires_grad_()
    weight = module.weight.detach().bfloat16().float().requires_grad_()
    transposed = isinstance(module, nn.ConvTranspose3d)
    convolve = functional.conv_transpose3d if transposed else functional.conv3d
    output = convolve(exact, weight, module.bias.detach().float(), module.stride, module.padding)
    right = (output.detach(), *torch.autograd.grad(output, (exact, weight), gradient.float()))
    pairs = zip(PARTS, found, right, strict=True)
    return {part: float((one.float() - other).norm() / other.norm()) for part, one, other in pairs}
