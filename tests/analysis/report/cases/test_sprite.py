import io

import numpy as np
import pytest
from PIL import Image

from analysis.report.cases.sprite import make_sprite


def slices(sprite, shape):
    picture = np.asarray(Image.open(io.BytesIO(sprite.content)).convert("L"))
    sx, sy, sz = shape
    for z in range(sz):
        row, column = divmod(z, sprite.columns)
        yield picture[row * sy : (row + 1) * sy, column * sx : (column + 1) * sx].T


@pytest.mark.parametrize("shape", [(40, 24, 7), (16, 50, 1), (33, 17, 30)])
def test_every_slice_is_its_tile(shape):
    x, y, z = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    volume = (x + 2 * y + 3 * z).astype(np.float32)
    low, high = np.percentile(volume, (0.5, 99.5))
    expected = 255 * ((volume - low) / (high - low)).clip(0, 1)
    for at, found in enumerate(slices(make_sprite(volume), shape)):
        assert np.abs(found - expected[:, :, at]).mean() < 4


def test_the_brightest_voxels_do_not_darken_the_rest():
    volume = np.random.default_rng(0).uniform(0, 1, (40, 40, 10)).astype(np.float32)
    volume[0, 0, 0] = 1e6
    middle = np.mean(list(slices(make_sprite(volume), volume.shape)))
    assert middle == pytest.approx(127, abs=5)


def test_a_constant_image_and_a_missing_value_are_drawn():
    volume = np.full((8, 8, 2), 3.0, dtype=np.float32)
    volume[0, 0, 0] = np.nan
    assert all(found.max() < 10 for found in slices(make_sprite(volume), volume.shape))
