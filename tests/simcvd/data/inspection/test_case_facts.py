import numpy as np
import pytest

from simcvd.data.inspection.case_facts import BINS, channel_facts, label_facts


def test_percentiles_and_range_of_a_channel_are_its_own():
    image = np.random.default_rng(0).normal(50, 10, (30, 30, 30)).astype(np.float32)
    facts = channel_facts(image)
    assert [facts.low, facts.median, facts.high] == pytest.approx(np.percentile(image, [0.5, 50, 99.5]))
    assert facts.smallest == image.min()
    assert facts.histogram.sum() == image.size
    assert len(facts.histogram) == BINS


def test_otsu_threshold_parts_air_from_body():
    image = np.random.default_rng(0).normal(0, 5, (20, 20, 20))
    image[5:15, 5:15, 5:15] += 100
    dark = channel_facts(image).dark
    assert 15 < dark < 85
    voxels = image.reshape(-1)  # an exhaustive search says the same
    between = [
        (voxels < t).mean() * (voxels >= t).mean() * (voxels[voxels < t].mean() - voxels[voxels >= t].mean()) ** 2
        for t in range(-5, 106)
    ]
    assert between[round(dark) + 5] == pytest.approx(max(between), rel=0.02)


def test_a_constant_channel_has_facts_too():
    facts = channel_facts(np.full((3, 3, 3), 7, np.int16))
    assert (facts.low, facts.median, facts.high) == (7, 7, 7)
    assert facts.histogram[0] == 27


def test_volume_extent_and_parts_of_each_class():
    label = np.zeros((10, 12, 8), np.uint8)
    label[2:5, 3:7, 1:3] = 1
    label[5, 7, 3] = 1  # touches the first part by a corner
    label[8, 1, 6] = 2
    label[8, 10, 6] = 2
    label[0, 0, 0] = 255  # ignored
    one, two, three = label_facts(label, 3, (1, 2, 0.5)).classes
    assert (one.voxels, one.ml, one.components, one.largest_part) == (25, 0.025, 1, 1)
    assert one.extent_mm == (4, 10, 1.5)
    assert one.centre_mm == (4, 11, 1.25)
    assert (two.voxels, two.components, two.largest_part) == (2, 2, 0.5)
    assert (three.voxels, three.extent_mm, three.components) == (0, (0, 0, 0), 0)


def test_border_is_the_scans_not_the_crops():
    label = np.zeros((6, 6, 6), np.uint8)
    label[0, 2:4, 3:] = 1
    assert label_facts(label, 1, (1, 1, 1)).border == ("low X", "high Z")
    inner = ((False, True), (True, True), (True, True))
    assert label_facts(label, 1, (1, 1, 1), borders=inner).border == ("high Z",)


def test_ignored_voxels_touch_nothing_and_are_no_foreground():
    label = np.full((6, 6, 6), 255, np.uint8)
    facts = label_facts(label, 1, (1, 1, 1))
    assert facts.empty
    assert facts.border == ()


def test_shares_of_a_label_on_dark_and_smallest_voxels():
    image = np.zeros((10, 10, 10), np.float32)
    image[5:] = np.random.default_rng(0).normal(100, 5, (5, 10, 10))
    label = np.zeros(image.shape, np.uint8)
    label[4:8] = 1  # a quarter lies off the body
    facts = label_facts(label, 1, (1, 1, 1), (image, channel_facts(image)))
    assert facts.on_smallest == 0.25
    assert facts.on_dark == pytest.approx(0.25, abs=0.02)
