from dataclasses import replace

import numpy as np
import pytest

from simcvd.data.inspection.case_facts import channel_facts
from simcvd.data.inspection.oddities import oddities
from simcvd.data.inspection.scan_oddities import (
    by_direction,
    duplicates,
    mixed_orientations,
    odd_intensities,
    odd_shapes,
    odd_spacings,
)
from tests.simcvd.data.inspection.facts import alike, case, channel

CLASSES = ("one", "other")


def odd(found):
    return [(finding.kind, finding.cases) for finding in found]


def scan(array, number, split="train_labeled"):
    channels = tuple(channel_facts(each) for each in (array if array.ndim == 4 else array[None]))
    return case(number, shape=array.shape[-3:], channels=channels, split=split, label=None)


def test_nothing_is_odd_about_cases_that_vary_by_some_percent():
    assert oddities([case(number) for number in range(60)], CLASSES) == []


def test_nothing_is_odd_about_few_cases():
    assert odd_spacings(alike(3, spacing_mm=(9, 9, 9))) == []
    assert oddities([], CLASSES) == []


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 7.5), (0.5, 0.5, 2.5), (1.0, 1.4, 2.5)])
def test_another_voxel_size_is_told_with_the_median(spacing):
    (found,) = odd_spacings(alike(20, spacing_mm=spacing))
    assert found.cases == ("odd",)
    assert not found.problem
    assert found.text.startswith(f"Case odd has voxels of {' x '.join(f'{side:g}' for side in spacing)} mm; the median")


def test_equal_sizes_but_for_rounding_and_one_are_told_too():
    cases = [replace(case(number), spacing_mm=(1.0, 1.0, 3.0 + 1e-8 * number)) for number in range(9)]
    assert odd_spacings(cases) == []
    assert odd(odd_spacings([*cases, case(9, id="odd", spacing_mm=(1.0, 1.0, 6.0))])) == [("spacing", ("odd",))]


def test_a_voxel_size_is_compared_by_direction_not_by_axis():
    assert odd_spacings(alike(20, orientation="SRA", spacing_mm=(2.5, 1.0, 1.0))) == []
    assert odd(odd_spacings(alike(20, orientation="SRA", spacing_mm=(1.0, 1.0, 2.5)))) == [("spacing", ("odd",))]
    assert by_direction((1, 2, 3), "ILP") == (2, 3, 1)
    assert by_direction((1, 2, 3), None) == (1, 2, 3)


def test_another_shape_is_told():
    assert odd(odd_shapes(alike(20, shape=(100, 120, 8)))) == [("shape", ("odd",))]
    assert odd_shapes(alike(20, shape=(100, 120, 48))) == []


@pytest.mark.parametrize("other", [channel(100, 3000), channel(100, 20), channel(1124, 200)])
def test_other_intensities_are_told(other):
    (found,) = odd_intensities(alike(20, channels=(other,)))
    assert (found.kind, found.cases) == ("intensity", ("odd",))
    assert f"median {other.median:.4g}" in found.text


def test_an_odd_second_channel_is_told_with_its_number():
    cases = [replace(case(n), channels=(channel(100 + n, 200, n), channel(50 + n, 100, n))) for n in range(10)]
    assert odd_intensities(cases) == []
    cases.append(case(10, id="odd", channels=(channel(100), channel(900, 100))))
    (found,) = odd_intensities(cases)
    assert "in channel 1" in found.text


def test_a_second_scanner_is_told_in_one_sentence():
    cases = [case(number) for number in range(30)]
    cases += [case(number, spacing_mm=(2.0, 2.0, 2.5)) for number in range(30, 42)]
    (found,) = odd_spacings(cases)
    assert (
        found.text == "The voxel sizes of 12 of 42 cases lie far from the median: c30, c31, c32, c33, c34 and 7 more."
    )
    assert len(found.cases) == 12


@pytest.mark.parametrize(
    "turned",
    [
        lambda image: image,
        lambda image: image[::-1],
        lambda image: image.transpose(2, 0, 1)[:, ::-1],
        lambda image: image * 37.5 - 1024,  # the same scan in other units
        lambda image: (image.astype(np.float64) - image.mean()).astype(np.float32) / image.std(),
    ],
)
def test_the_same_scan_twice_is_told_however_it_is_turned_or_scaled(turned):
    rng = np.random.default_rng(0)
    scans = [rng.normal(size=(12, 14, 10)).astype(np.float32) for _ in range(4)]
    cases = [scan(array, number) for number, array in enumerate([*scans, turned(scans[1])])]
    (found,) = duplicates(cases)
    assert found.cases == ("c1", "c4")
    assert "hold the same scan, as it is or turned; keep one of them." in found.text
    assert not found.problem


def test_the_same_scan_of_whole_numbers_is_told_after_normalisation():
    levels = np.random.default_rng(0).integers(0, 256, (12, 14, 10))
    normal = ((levels - levels.mean()) / levels.std()).astype(np.float32)
    assert len(duplicates([scan(levels.astype(np.int16), 0), scan(normal[:, ::-1], 1)])) == 1


def test_scans_that_differ_in_a_part_are_not_the_same():
    image = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    other = image.copy()
    other[8:12, 8:12, 8:12] += 0.3  # less than 1 % of the voxels
    assert duplicates([scan(image, 0), scan(other, 1)]) == []


def test_scans_on_a_large_even_background_are_not_the_same():
    rng = np.random.default_rng(0)
    cases = []
    for number in range(4):
        image = np.zeros((30, 30, 30), np.float32)
        image[10:14, 10:14, 10:14] = rng.normal(5, 1, (4, 4, 4))
        image[0, 0, 0] = 10
        cases.append(scan(image, number))
    assert duplicates(cases) == []


@pytest.mark.parametrize(
    ("split", "problem"), [("train_unlabeled", False), ("train_labeled", False), ("val", True), ("test", True)]
)
def test_the_same_scan_in_training_and_test_is_a_problem(split, problem):
    image = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    (found,) = duplicates([scan(image, 0), scan(image, 1, split)])
    assert found.problem is problem
    assert ("in different splits" in found.text) is problem
    assert f"c1 ({split})" in found.text


def test_a_scan_that_is_there_three_times_is_one_finding():
    image = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    others = [np.random.default_rng(n).normal(size=(8, 8, 8)).astype(np.float32) for n in range(1, 30)]
    cases = [scan(array, n) for n, array in enumerate([image, *others, image[::-1], image.transpose(1, 0, 2)])]
    assert odd(duplicates(cases)) == [("duplicate", ("c0", "c30", "c31"))]


def test_problems_come_first():
    image = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    found = oddities([*alike(20, spacing_mm=(9, 9, 9)), scan(image, 50), scan(image, 51, "test")], CLASSES)
    assert [finding.problem for finding in found] == sorted((f.problem for f in found), reverse=True)
    assert found[0].kind == "duplicate"


def test_scans_left_in_several_orientations_are_a_problem():
    cases = [case(0), case(1), case(2, orientation="LPS"), case(3, orientation=None)]
    (found,) = mixed_orientations(cases)
    assert found.problem
    assert found.cases == ("c2",)
    assert "(1 LPS, 2 RAS)" in found.text
    assert mixed_orientations(cases[:2]) == []
