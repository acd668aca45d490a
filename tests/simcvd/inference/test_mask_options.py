import numpy as np
import torch
from torch import nn

from simcvd.inference.mask_options import Mirrored
from simcvd.transforms.largest_piece import keep_largest


def test_the_largest_piece_of_each_class_stays() -> None:
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[:2, :2, :2] = 1
    mask[2, 2, 2] = 1  # shares a corner
    mask[5:7, 5:7, 5] = 1
    mask[0, 7, 0] = 2
    mask[6:8, 0:2, 0] = 2
    kept = keep_largest(mask)
    expected = mask.copy()
    expected[5:7, 5:7, 5] = 0
    expected[0, 7, 0] = 0
    np.testing.assert_array_equal(kept, expected)


def test_mirrored_probabilities_are_the_mean_over_eight_copies() -> None:
    torch.manual_seed(0)
    network = nn.Conv3d(1, 3, 3, padding=1)
    image = torch.randn(1, 1, 6, 5, 4)
    total = torch.zeros(1, 3, 6, 5, 4)
    for x in (False, True):
        for y in (False, True):
            for z in (False, True):
                axes = [axis for axis, turned in ((2, x), (3, y), (4, z)) if turned]
                total += network(torch.flip(image, axes)).softmax(1).flip(axes)
    torch.testing.assert_close(Mirrored(network)(image).softmax(1), total / 8)


def test_an_image_and_its_mirror_get_mirrored_answers() -> None:
    torch.manual_seed(1)
    network = Mirrored(nn.Conv3d(1, 2, 3, padding=1))
    image = torch.randn(1, 1, 6, 5, 4)
    torch.testing.assert_close(network(image.flip([2])), network(image).flip([2]), atol=1e-5, rtol=1e-5)
