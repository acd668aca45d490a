from typing import Any

import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.training import convolution_check
from simcvd.training.convolution_check import Convolution, bfloat16_errors, convolutions_of, wrong_convolution

CPU = torch.device("cpu")


@pytest.fixture
def config() -> TrialConfig:
    # Sides of 12 halve to 3: CPUs were seen to compute weight gradients of blocks with a side of 2 wrong.
    return apply_settings(
        load_preset("phantom"),
        {
            "data.crop_vox": [12, 12, 12],
            "network.strides": [[2, 2, 2], [2, 2, 2], [1, 1, 1], [1, 1, 1]],
            "network.width": 1,
            "inference.stride_vox": [12, 12, 12],
            "inference.batch_windows": 4,
            "method": "dan",
            "dan.discriminator_width": 3,
        },
    )


def _broken(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 3x3x3 convolutions to two channels be wrong in bfloat16: a tenth too large somewhere."""
    right, gradients = torch.convolution, torch.autograd.grad

    def is_broken(weight: torch.Tensor) -> bool:
        return weight.dtype is torch.bfloat16 and weight.shape == (2, 2, 3, 3, 3)

    def convolution(image: torch.Tensor, weight: torch.Tensor, *rest: Any) -> torch.Tensor:
        output = right(image, weight, *rest)
        return output * 1.1 if part == "output" and is_broken(weight) else output

    def grad(output: Any, inputs: tuple[torch.Tensor, ...], *rest: Any) -> Any:
        found = list(gradients(output, inputs, *rest))
        index = {"data gradient": 0, "weight gradient": 1}.get(part)
        if index is not None and is_broken(inputs[1]):
            found[index] = found[index] * float("nan")
        return tuple(found)

    monkeypatch.setattr(torch, "convolution", convolution)
    monkeypatch.setattr(torch.autograd, "grad", grad)


@pytest.fixture(autouse=True)
def _forgotten() -> Any:
    yield
    bfloat16_errors.cache_clear()


def test_every_distinct_convolution_is_found_without_computing_it(config: TrialConfig) -> None:
    found = convolutions_of(config, 1, 2)
    assert len(found) == len(set(found))
    assert {convolution.weight for convolution in found} == {
        tuple(module.weight.shape)
        for network in convolution_check.create(config, 1, 2).networks.values()
        for module in network.modules()
        if isinstance(module, torch.nn.Conv3d | torch.nn.ConvTranspose3d)
    }
    assert Convolution((4, 1, 12, 12, 12), (1, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1), False) in found
    other = apply_settings(config, {"inference.batch_windows": 8})
    assert {c.image[0] for c in found} == {4}
    assert {c.image[0] for c in convolutions_of(other, 1, 2)} == {4, 8}


def test_right_convolutions_pass_and_are_computed_once(config: TrialConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong_convolution(config, 1, 2, CPU) is None
    monkeypatch.delattr(torch, "convolution")
    assert wrong_convolution(config, 1, 2, CPU) is None


@pytest.mark.parametrize("part", ["output", "data gradient", "weight gradient"])
def test_a_wrong_one_is_named_with_its_part_and_error(
    part: str, config: TrialConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken(part, monkeypatch)
    told = wrong_convolution(config, 1, 2, CPU)
    assert told is not None
    assert told.startswith("the 3x3x3 convolution from 2 to 2 channels of 4 blocks of 6x6x6 has a " + part)


def test_where_a_batch_does_not_fit_in_float32_one_block_is_compared(
    config: TrialConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, batches = torch.convolution, set[int]()

    def convolution(image: torch.Tensor, *rest: Any) -> torch.Tensor:
        if len(image) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        batches.add(len(image))
        return right(image, *rest)

    monkeypatch.setattr(torch, "convolution", convolution)
    assert wrong_convolution(config, 1, 2, CPU) is None
    assert batches == {1}


def test_what_the_cpu_computes_in_float32_is_not_asked(config: TrialConfig) -> None:
    small = apply_settings(config, {"data.crop_vox": [8, 12, 12], "inference.stride_vox": [8, 12, 12]})
    sides = {min(convolution.image[2:]) for convolution in convolutions_of(small, 1, 2, CPU)}
    assert min(sides) == 4
    assert 2 in {min(convolution.image[2:]) for convolution in convolutions_of(small, 1, 2)}


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Conv3d(4, 8, 3, padding="same", dilation=2),
        torch.nn.Conv3d(4, 8, 3, padding="valid"),
        torch.nn.Conv3d(4, 8, 3, groups=2, padding=1),
        torch.nn.ConvTranspose3d(4, 8, 2, stride=2, groups=2),
    ],
    ids=["same", "valid", "groups", "transposed groups"],
)
def test_other_peoples_convolutions_are_compared_as_they_are_run(module: Any) -> None:
    image = torch.zeros(2, 4, 6, 6, 6)
    convolution = Convolution.of(module, tuple(image.shape))
    assert max(bfloat16_errors(convolution, CPU).values()) < 0.01
    found = convolution.compute(image, module.weight)
    assert found.shape == module(image).shape
    assert f"from 4 to {module.out_channels} channels" in str(convolution)


def test_a_network_that_looks_at_values_is_run_for_its_convolutions(
    config: TrialConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = convolutions_of(config, 1, 2)
    right = convolution_check.Network.features

    def features(self: Any, outputs: torch.Tensor, bottleneck: torch.Tensor) -> Any:
        assert outputs.sum().item() is not None
        return right(self, outputs, bottleneck)

    monkeypatch.setattr(convolution_check.Network, "features", features)
    assert convolutions_of(config, 1, 2) == expected


def test_crops_that_no_memory_could_hold_are_left_for_the_training_to_refuse(config: TrialConfig) -> None:
    side = 12 << 20
    sides = {"data.crop_vox": [side] * 3, "inference.stride_vox": [side] * 3}
    assert convolutions_of(apply_settings(config, sides), 1, 2, CPU) == []
