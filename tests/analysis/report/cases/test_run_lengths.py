import zlib

import numpy as np
import pytest

from analysis.report.cases.run_lengths import encode


def decode(content, shape, labels):
    """Read the format as its description says, one byte at a time."""
    flat, number, shift = [], 0, 0
    for byte in zlib.decompress(content):
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            flat += [number % labels] * (number // labels)
            number, shift = 0, 0
    return np.array(flat, dtype=np.uint8).reshape(shape, order="F")


def test_runs_follow_the_first_axis_and_carry_length_and_label():
    mask = np.zeros((3, 2, 1), dtype=np.uint8)
    mask[2, 0, 0] = mask[0, 1, 0] = 1
    # In the order of x: 0 0 1, 1 0 0: runs of 2, 2 and 2 with the labels 0, 1 and 0.
    assert zlib.decompress(encode(mask, labels=2)) == bytes([2 * 2 + 0, 2 * 2 + 1, 2 * 2 + 0])


def test_a_long_run_takes_several_bytes():
    # 300 voxels of label 1 of 3: 901 = 7 * 128 + 5.
    assert zlib.decompress(encode(np.ones((300, 1, 1), dtype=np.uint8), labels=3)) == bytes([5 | 128, 7])


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (64, 50, 40)])
@pytest.mark.parametrize("labels", [2, 3, 200])
def test_decoding_returns_the_mask(shape, labels):
    generator = np.random.default_rng(0)
    mask = generator.integers(0, labels, shape).astype(np.uint8)
    mask[: shape[0] // 2] = 0
    np.testing.assert_array_equal(decode(encode(mask, labels), shape, labels), mask)


def test_an_empty_mask_of_three_million_voxels_is_a_few_bytes():
    assert len(encode(np.zeros((200, 150, 100), dtype=np.uint8), 2)) < 30


def test_a_label_out_of_range_is_refused():
    with pytest.raises(ValueError, match="below 2, found 2"):
        encode(np.full((1, 1, 1), 2, dtype=np.uint8), 2)
