from itertools import permutations, product
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from simcvd.scans.orientation import Turn, axis_codes, orient
from simcvd.scans.volume import Volume, spacing_of

OBLIQUE = np.array([[0.0, 2.0, 0.1, 3.0], [1.0, 0.0, 0.1, 4.0], [0.1, 0.2, -3.0, 5.0], [0, 0, 0, 1]])
ALL_CODES = [
    "".join(pair[side] for pair, side in zip(order, sides, strict=True))
    for order in permutations(("LR", "PA", "IS"))
    for sides in product((0, 1), repeat=3)
]


def volume(*channels: int) -> Volume:
    array = np.random.default_rng(0).normal(size=(*channels, 5, 6, 7))
    return Volume(array, OBLIQUE, spacing_of(OBLIQUE))


@pytest.mark.parametrize("codes", ALL_CODES)
def test_all_48_orientations_equal_nibabels_and_come_back(codes: str) -> None:
    given = volume()
    turned, turn = orient(given, codes)
    library: Any = nib.orientations
    moves = library.ornt_transform(library.io_orientation(OBLIQUE), library.axcodes2ornt(tuple(codes)))
    expected = nib.Nifti1Image(given.array, OBLIQUE).as_reoriented(moves)
    np.testing.assert_array_equal(turned.array, np.asarray(expected.dataobj))
    np.testing.assert_allclose(turned.affine, expected.affine, atol=1e-12)
    assert axis_codes(turned.affine) == codes
    assert turned.spacing_mm == pytest.approx(spacing_of(expected.affine))
    np.testing.assert_array_equal(turn.back(turned.array), given.array)


def test_channels_are_turned_alike() -> None:
    given = volume(2)
    turned, turn = orient(given, "LPI")
    alone, _ = orient(Volume(given.array[1], OBLIQUE, given.spacing_mm), "LPI")
    np.testing.assert_array_equal(turned.array[1], alone.array)
    np.testing.assert_array_equal(turn.back(turned.array), given.array)


def test_an_oblique_volume_keeps_its_direction() -> None:
    turned, _ = orient(volume(), "RAS")
    directions = turned.affine[:3, :3] / np.array(turned.spacing_mm)
    assert abs(np.abs(np.linalg.det(directions))) == pytest.approx(
        abs(np.linalg.det(OBLIQUE[:3, :3])) / np.prod(spacing_of(OBLIQUE))
    )
    assert not np.allclose(directions, np.eye(3))


def test_a_file_that_does_not_say_where_it_is_stays_as_it_is() -> None:
    given = Volume(np.zeros((2, 3, 4)), np.diag([1, -1, 1, 1]), (1, 1, 1), located=False)
    turned, turn = orient(given, "RAS")
    assert turned is given
    assert turn == Turn()
