import doctest
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simcvd.inference import sliding_window
from simcvd.inference.sliding_window import segment, window_starts

CPU = torch.device("cpu")
CASES = [
    ((20, 17, 11), (8, 8, 8), (5, 3, 8)),
    ((8, 8, 8), (8, 8, 8), (2, 2, 2)),
    ((9, 30, 8), (4, 16, 8), (4, 16, 1)),
    ((5, 20, 3), (8, 8, 8), (4, 7, 8)),  # smaller than a window along X and Z
]


class Local(nn.Module):
    """Three classes from the voxel, its place in the window and a box average: what windows see differs."""

    def forward(self, image: Tensor) -> Tensor:
        blurred = nn.functional.avg_pool3d(image, 3, 1, 1)
        ramp = torch.linspace(-1, 1, image.shape[2]).view(1, 1, -1, 1, 1)
        return torch.cat([image[:, :1], blurred.sum(1, keepdim=True) + ramp, -image[:, -1:] * ramp], dim=1)


def naive(network: nn.Module, image: NDArray[np.float32], crop: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """The field's way: one window after the other, sums and counts in numpy, as the public test code loops."""
    shape = image.shape[1:]
    missing = [max(c - s, 0) for s, c in zip(shape, crop, strict=True)]
    padded = np.pad(image, [(0, 0), *((m // 2, m - m // 2) for m in missing)])
    steps = [int(np.ceil((s - c) / d)) + 1 for s, c, d in zip(padded.shape[1:], crop, stride, strict=True)]
    sums, counts = np.zeros((3, *padded.shape[1:]), np.float32), np.zeros(padded.shape[1:], np.float32)
    for index in np.ndindex(*steps):
        place = tuple(
            slice(min(d * i, s - c), min(d * i, s - c) + c)
            for i, s, c, d in zip(index, padded.shape[1:], crop, stride, strict=True)
        )
        window = torch.from_numpy(padded[(slice(None), *place)].copy())[None]
        sums[(slice(None), *place)] += network(window).softmax(1)[0].numpy()
        counts[place] += 1
    box = tuple(slice(m // 2, m // 2 + s) for m, s in zip(missing, shape, strict=True))
    return torch.from_numpy((sums / counts)[(slice(None), *box)])


def make_image(shape: tuple[int, ...], channels: int = 2) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((channels, *shape)).astype(np.float32)


def test_docstring_example() -> None:
    assert doctest.testmod(sliding_window).failed == 0


@pytest.mark.parametrize(("shape", "crop", "stride"), CASES)
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_masks_equal_the_window_by_window_reference(
    shape: tuple[int, int, int], crop: tuple[int, int, int], stride: tuple[int, int, int], batch: int
) -> None:
    image = make_image(shape)
    expected = naive(Local(), image, crop, stride)
    mask = segment(Local(), torch.from_numpy(image), crop, stride, device=CPU, batch_windows=batch)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected.argmax(0))


@pytest.mark.parametrize(("shape", "crop", "stride"), CASES[:3])
def test_windows_cover_every_voxel_and_stay_inside(
    shape: tuple[int, int, int], crop: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    covered = np.zeros(shape, int)
    for start in window_starts(shape, crop, stride):
        assert all(s >= 0 and s + c <= side for s, c, side in zip(start, crop, shape, strict=True))
        covered[tuple(slice(s, s + c) for s, c in zip(start, crop, strict=True))] += 1
    assert covered.min() > 0


def test_left_atrium_windows_are_those_of_the_public_code() -> None:
    starts = window_starts((190, 140, 88), (112, 112, 80), (18, 18, 4))
    assert len(starts) == 6 * 3 * 3
    assert starts[-1] == (78, 28, 8)


def test_windows_of_one_value_are_predicted_once() -> None:
    seen: list[Tensor] = []

    class Watched(Local):
        def forward(self, image: Tensor) -> Tensor:
            seen.extend(image)
            return super().forward(image)

    image = make_image((24, 8, 8))
    image[:, :14] = np.array([-1.0, 2.0]).reshape(2, 1, 1, 1)  # air before the body: 4 windows of 8 voxels every 2
    image[0, 20:] = 0.5  # one channel alone says nothing
    crop, stride = (8, 8, 8), (2, 8, 8)
    expected = naive(Local(), image, crop, stride)
    mask = segment(Watched(), image, crop, stride, device=CPU, batch_windows=3)
    np.testing.assert_array_equal(mask, expected.argmax(0))
    assert len(window_starts(image.shape[1:], crop, stride)) == 9
    assert len(seen) == 6
    assert sum(window.std((1, 2, 3)).max() == 0 for window in seen) == 1


def test_windows_of_different_values_are_not_mixed_up() -> None:
    image = np.repeat(np.arange(3, dtype=np.float32), 8).reshape(1, 24, 1, 1).repeat(8, 2).repeat(8, 3)

    class Thirds(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return torch.cat([-(image - value).abs() for value in range(3)], 1)

    mask = segment(Thirds(), image, (8, 8, 8), (8, 8, 8), device=CPU)
    np.testing.assert_array_equal(mask, image[0].astype(np.uint8))


def test_a_stride_that_leaves_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="do not cover"):
        window_starts((10, 10, 10), (4, 4, 4), (5, 4, 4))


def test_an_image_without_channel_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[I, X, Y, Z\]"):
        segment(Local(), np.zeros((8, 8, 8), np.float32), (8, 8, 8), (8, 8, 8), device=CPU)


def test_read_only_images_are_taken() -> None:
    image = make_image((8, 8, 8))
    image.flags.writeable = False
    assert segment(Local(), image, (8, 8, 8), (8, 8, 8), device=CPU).shape == (8, 8, 8)


def test_the_network_runs_in_the_precision_given_and_probabilities_are_float32() -> None:
    seen = []

    class NearlyEven(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv3d(1, 2, 1)
            nn.init.zeros_(self.convolution.weight)
            self.convolution.bias = nn.Parameter(torch.tensor([0.0, 0.002]))

        def forward(self, image: Tensor) -> Tensor:
            result = self.convolution(image)
            seen.append(result.dtype)
            return result

    def precision() -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16)

    assert torch.tensor([0.0, 0.002], dtype=torch.bfloat16).softmax(0).unique().numel() == 1  # a tie, taken for class 0
    mask = segment(NearlyEven(), make_image((4, 4, 6), 1), (4, 4, 4), (2, 2, 2), device=CPU, precision=precision)
    assert set(seen) == {torch.bfloat16}
    assert (mask == 1).all()
