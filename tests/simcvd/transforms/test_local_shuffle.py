import numpy as np
import pytest
from numpy.typing import NDArray

from simcvd.transforms.local_shuffle import Shuffle, apply_shuffle, draw_shuffle

SHAPE = (40, 30, 20)


def _draw(seed: int = 0, shape: tuple[int, int, int] = SHAPE, max_side: float = 0.1, share: float = 1.0) -> Shuffle:
    return draw_shuffle(np.random.default_rng(seed), shape, max_side=max_side, share=share)


def _boxes(shuffle: Shuffle) -> list[NDArray[np.int64]]:
    """Return the flat indices of the voxels of each box."""
    order = np.argsort(shuffle.box, axis=None, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(shuffle.box.ravel()[order])) + 1)


def test_applying_takes_the_values_of_the_named_voxels() -> None:
    """Two voxels of two channels change places: flat indices 0 and 3 of 2 x 2 x 1."""
    image = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]], [[[5.0], [6.0]], [[7.0], [8.0]]]], np.float32)
    source = np.array([[[3], [1]], [[2], [0]]])
    shuffled = apply_shuffle(image, Shuffle(source, np.zeros_like(source)))
    assert shuffled[..., 0].tolist() == [[[4, 2], [3, 1]], [[8, 6], [7, 5]]]
    assert image[0, 0, 0, 0] == 1


def test_every_box_keeps_its_values() -> None:
    image = np.random.default_rng(1).normal(size=(1, *SHAPE)).astype(np.float32)
    shuffle = _draw()
    shuffled = apply_shuffle(image, shuffle)
    for box in _boxes(shuffle):
        assert np.array_equal(np.sort(shuffled.ravel()[box]), np.sort(image.ravel()[box]))
    assert (shuffled != image).mean() > 0.7


def test_boxes_are_cuboids_of_at_most_the_longest_side_that_tile_the_crop() -> None:
    shuffle = _draw()
    sides = []
    for box in _boxes(shuffle):
        places = np.unravel_index(box, SHAPE)
        side = [int(np.ptp(along)) + 1 for along in places]
        assert len(box) == np.prod(side)
        sides.append(side)
    assert np.max(sides, axis=0).tolist() == [4, 3, 2]
    assert np.min(sides, axis=0).tolist() == [1, 1, 1]


def test_the_channels_of_a_voxel_stay_together() -> None:
    image = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    shuffled = apply_shuffle(np.stack((image, 2 * image)), _draw())
    assert np.array_equal(shuffled[1], 2 * shuffled[0])


def test_about_the_asked_share_of_the_boxes_is_shuffled() -> None:
    shuffle = _draw(shape=(64, 64, 64), share=0.6)
    touched = [bool((shuffle.source.ravel()[box] != box).any()) for box in _boxes(shuffle) if len(box) > 8]
    assert np.mean(touched) == pytest.approx(0.6, abs=0.05)
    assert np.array_equal(_draw(share=0.0).source, np.arange(np.prod(SHAPE)).reshape(SHAPE))


def test_every_place_in_a_box_is_as_likely() -> None:
    """With sides of 2 at most, a whole box of 8 voxels sends its first one to each of the 8 places alike."""
    found = []
    for seed in range(40):
        shuffle = _draw(seed, (16, 16, 16), max_side=0.1)
        for box in _boxes(shuffle):
            if len(box) == 8:
                found.append(int(np.argmin(shuffle.source.ravel()[box])))
    assert len(found) > 2000
    assert np.bincount(found) / len(found) == pytest.approx(np.full(8, 1 / 8), abs=0.03)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 2), (1, 3, 2), (16, 16, 16)])
def test_tiny_crops_are_shuffled_too(shape: tuple[int, int, int]) -> None:
    shuffles = [_draw(seed, shape) for seed in range(50)]
    voxels = np.arange(np.prod(shape))
    assert all(np.array_equal(np.sort(shuffle.source, axis=None), voxels) for shuffle in shuffles)
    moved = any((shuffle.source.ravel() != voxels).any() for shuffle in shuffles)
    assert moved == (shape != (1, 1, 1))


def test_the_same_generator_draws_the_same() -> None:
    assert np.array_equal(_draw(3).source, _draw(3).source)
    assert not np.array_equal(_draw(3).source, _draw(4).source)
