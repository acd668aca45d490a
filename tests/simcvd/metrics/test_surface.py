import doctest
import math

import numpy as np
import pytest
from medpy.metric import binary
from numpy.typing import NDArray
from scipy import ndimage

from simcvd.metrics import surface
from simcvd.metrics.surface import surface_distances

Mask = NDArray[np.bool_]
SPACINGS = [(1.0, 1.0, 1.0), (0.625, 0.625, 0.625), (0.7, 1.3, 5.0), (1.0, 1.0, 2.5)]


def blobs(generator: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    return ndimage.gaussian_filter(generator.standard_normal(shape), generator.uniform(1, 4)) > 0.02


def random_pair(seed: int) -> tuple[Mask, Mask]:
    """Two masks alike or unrelated, smooth or speckled; most of them touch the volume's border."""
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(8, 28, 3))
    reference = blobs(generator, shape)
    match seed % 4:
        case 0:
            prediction = np.roll(reference, generator.integers(-3, 4, 3), (0, 1, 2))
        case 1:
            prediction = reference ^ (generator.random(shape) < 0.02)
        case 2:
            prediction = generator.random(shape) < 0.3
        case _:
            prediction = blobs(generator, shape)
    prediction[0, 0, 0] = reference[-1, -1, -1] = True
    return prediction, reference


def assert_equals_medpy(prediction: Mask, reference: Mask) -> None:
    for spacing, found in zip(SPACINGS, surface_distances(prediction, reference, SPACINGS, threads=2), strict=True):
        expected = [metric(prediction, reference, spacing) for metric in (binary.hd95, binary.asd, binary.assd)]
        assert found[:3] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_docstring_examples() -> None:
    assert doctest.testmod(surface).failed == 0


@pytest.mark.parametrize("seed", range(20))
def test_distances_equal_medpy(seed: int) -> None:
    assert_equals_medpy(*random_pair(seed))


@pytest.mark.parametrize("crowded", [0.0, 1.0])
def test_distance_transform_and_search_tree_agree_with_medpy(crowded: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "CROWDED", crowded)
    assert_equals_medpy(*random_pair(3))


def test_shifted_cube() -> None:
    """Worked by hand. A 3x3x3 cube has 26 surface voxels; shifted by one voxel along X, of each cube's surface

    9 voxels (the face left behind) lie 1 away from the other's surface, and of the other 17 only one is not on the
    other's surface: the one beside its hollow centre, 1 away. So ASD = ASSD = 10 / 26 and HD95 = 1; in mm times the
    X spacing, since no other axis offers a shorter way.
    """
    reference = np.zeros((8, 7, 7), bool)
    reference[2:5, 2:5, 2:5] = True
    prediction = np.roll(reference, 1, 0)
    voxels, millimetres = surface_distances(prediction, reference, [(1, 1, 1), (0.5, 3, 3)])
    assert voxels[:3] == pytest.approx((1, 10 / 26, 10 / 26))
    assert millimetres[:3] == pytest.approx((0.5, 5 / 26, 5 / 26))


def test_directed_and_symmetric_distance_differ() -> None:
    """Worked by hand. The prediction's one voxel lies on the reference; the reference's other voxel is 4 away."""
    prediction, reference = np.zeros((2, 7, 3, 3), bool)
    prediction[1, 1, 1] = reference[1, 1, 1] = reference[5, 1, 1] = True
    (found,) = surface_distances(prediction, reference)
    assert found.asd == 0
    assert found.assd == pytest.approx(4 / 3)


def test_the_volumes_border_is_background() -> None:
    """A mask that fills the volume has its outermost voxels as surface; the centre of 5x5x5 is 2 away from them."""
    centre = np.zeros((5, 5, 5), bool)
    centre[2, 2, 2] = True
    (found,) = surface_distances(centre, np.ones((5, 5, 5), bool))
    assert found.asd == 2


def test_identical_masks_are_at_distance_zero() -> None:
    mask, _ = random_pair(3)
    assert surface_distances(mask, mask) == [(0, 0, 0, ())]


def test_distances_do_not_depend_on_the_surrounding_background() -> None:
    prediction, reference = random_pair(7)
    wide = [np.pad(mask, ((3, 5), (0, 9), (2, 2))) for mask in (prediction, reference)]
    assert surface_distances(*wide, SPACINGS) == surface_distances(prediction, reference, SPACINGS)


def test_an_empty_mask_makes_distances_missing() -> None:
    empty, full = np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)
    for pair in ((empty, full), (full, empty), (empty, empty)):
        found = surface_distances(*pair, SPACINGS)
        assert len(found) == len(SPACINGS)
        assert all(math.isnan(value) for distances in found for value in distances[:3])
        assert not any(distances.nsd for distances in found)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        surface_distances(np.ones((2, 2, 2), bool), np.ones((2, 2, 3), bool))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.25, 3.0), (2.0, 2.0, 2.0)])
@pytest.mark.parametrize("draw", range(4))
def test_the_surface_dice_is_the_share_of_both_surfaces_near_the_other(
    spacing: tuple[float, float, float], draw: int
) -> None:
    """Every surface voxel against every other one, by an erosion of SciPy's and plain distances."""
    luck = np.random.default_rng(draw)
    masks = [ndimage.binary_dilation(luck.random((9, 10, 8)) > 0.97, iterations=1 + draw % 2) for _ in range(2)]
    limits = (0.0, 1.0, 2.0, 3.5, 40.0)
    (found,) = surface_distances(masks[0], masks[1], [spacing], tolerances=limits)
    places = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * np.array(spacing) for mask in masks]
    apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=2)
    for limit, share in zip(limits, found.nsd, strict=True):
        near = (apart.min(axis=1) <= limit + 1e-9).sum() + (apart.min(axis=0) <= limit + 1e-9).sum()
        assert share == pytest.approx(near / (len(places[0]) + len(places[1])))


def test_rounding_does_not_put_a_distance_beyond_its_tolerance() -> None:
    """0.1 + 0.2 and the like: ten voxels of 0.1 mm are 1 mm."""
    first, second = np.zeros((2, 30, 3, 3), bool)
    first[3, 1, 1] = second[13, 1, 1] = True
    (found,) = surface_distances(first, second, [(0.1, 1.0, 1.0)], tolerances=(0.9, 1.0))
    assert found.nsd == (0.0, 1.0)
