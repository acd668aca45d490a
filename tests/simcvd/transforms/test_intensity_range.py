import numpy as np
from numpy.typing import NDArray

from simcvd.transforms.intensity_range import intensity_range


def _ramp(*ends: float) -> NDArray[np.float32]:
    """Make a channel of 101 slices of one value each; from 0 to 100 the 1st and 99th percentile are 1 and 99."""
    return np.broadcast_to(np.linspace(*ends, 101, dtype=np.float32), (1, 6, 6, 101)).copy()


def test_range_is_the_percentiles_of_each_channel() -> None:
    low, high = intensity_range(np.concatenate((_ramp(0, 100), _ramp(-50, 50))))
    assert low.tolist() == [1, -49]
    assert high.tolist() == [99, 49]
