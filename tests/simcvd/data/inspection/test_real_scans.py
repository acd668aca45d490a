import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcvd.data.inspection.case_facts import CaseFacts, channel_facts, label_facts
from simcvd.data.inspection.oddities import oddities
from simcvd.scans.nifti import read_nifti

CLASSES = ("anterior", "posterior")


@pytest.fixture(scope="module")
def hippocampi():
    if "SIMCVD_REAL_DATA" not in os.environ:
        pytest.skip("SIMCVD_REAL_DATA names no folder with real data")
    folder = Path(os.environ["SIMCVD_REAL_DATA"]) / "hippocampus"
    scans = {}
    for path in sorted((folder / "imagesTr").glob("hippocampus*.nii*"))[:40]:
        image = read_nifti(path)
        scans[path.name.split(".")[0]] = (image, read_nifti(folder / "labelsTr" / path.name).array.astype(np.uint8))
    return scans


def facts(case_id, image, array, label):
    own = channel_facts(array)
    on = label_facts(label, 2, image.spacing_mm, (array, own))
    return CaseFacts(case_id, "RAS", image.spacing_mm, array.shape, "train_labeled", (own,), on)


@pytest.fixture(scope="module")
def sound(hippocampi):
    return [facts(case_id, image, image.array, label) for case_id, (image, label) in hippocampi.items()]


def odd(cases):
    """Return what is told but intensities: the set comes from scanners with different units."""
    return [(each.kind, each.cases) for each in oddities(cases, CLASSES) if each.kind != "intensity"]


def test_nothing_is_odd_about_real_labels_and_no_real_scan_is_there_twice(sound):
    assert len(sound) == 40
    assert odd(sound) == []


def test_swapped_classes_and_a_turned_twin_are_found_in_each_of_ten_real_cases(hippocampi, sound):
    for place, (case_id, (image, label)) in enumerate(list(hippocampi.items())[:10]):
        swapped = facts(case_id, image, image.array, np.where(label == 0, 0, 3 - label).astype(np.uint8))
        assert odd([*sound[:place], swapped, *sound[place + 1 :]]) == [("swapped", (case_id,))]
        z_scored = ((image.array - image.array.mean()) / image.array.std()).astype(np.float32)
        twin = facts("twin", image, z_scored.transpose(2, 0, 1)[::-1], label.transpose(2, 0, 1)[::-1])
        assert ("duplicate", (case_id, "twin")) in odd([*sound, replace(twin, label=None)])


def test_labels_turned_upside_down_are_found_in_nearly_all_real_cases(hippocampi, sound):
    found = 0
    for place, (case_id, (image, label)) in enumerate(hippocampi.items()):
        turned = facts(case_id, image, image.array, label[:, :, ::-1])
        found += any(case_id in cases for _, cases in odd([*sound[:place], turned, *sound[place + 1 :]]))
    assert found >= 38
