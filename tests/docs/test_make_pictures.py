import runpy
from pathlib import Path

import numpy as np
import pytest

from simcvd.data.phantom import make_phantom
from simcvd.metrics.overlap import dice


@pytest.fixture(scope="module")
def make():
    """What the script defines."""
    return runpy.run_path(str(Path(__file__).parents[2] / "docs" / "make_pictures.py"))


def test_a_mask_is_worse_the_more_it_is_worn(make):
    label = make_phantom(np.random.default_rng(0), (32, 32, 32))[1]
    masks = [make["worn"](label, wear, np.random.default_rng(1), np.random.default_rng(2)) for wear in (0, 0.5, 1, 2)]
    scores = [dice(mask > 0, label > 0) for mask in masks]
    assert scores[0] == 1
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.9


def test_the_label_is_that_of_the_data_set(make, tmp_path):
    from simcvd.data.phantom import write_phantom
    from simcvd.data.store import open_labeled

    write_phantom(tmp_path / "data", labeled=1, unlabeled=0, val=0, test=1, shape=(make["SIDE"],) * 3)
    np.testing.assert_array_equal(open_labeled(tmp_path / "data", "phantom_001").label, make["_label"](1))
