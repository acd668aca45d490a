import shutil
import zlib

import h5py
import numpy as np
import pytest

import analysis.report.cases.pictures as pictures
from analysis.comparison.scored_sweep import score_sweep
from analysis.errors import AnalysisError
from analysis.report.cases.pictures import read_browser, sampled, spread
from analysis.report.content import read_report
from analysis.report.values import values_of
from analysis.runs.sweep import read_sweep


def decode(content, shape, labels):
    flat, number, factor = [], 0, 1
    for byte in zlib.decompress(content):
        number += byte % 128 * factor
        factor *= 128
        if byte < 128:
            flat += [number % labels] * (number // labels)
            number, factor = 0, 1
    return np.array(flat, dtype=np.uint8).reshape(shape, order="F")


@pytest.fixture
def browse(made):
    sweep = read_sweep(made.runs, "toy")
    values = values_of(score_sweep(made.runs, "toy"))
    return lambda dataset=made.dataset, **given: read_browser(made.runs, sweep, values, dataset, **given)


def test_cases_are_spread_from_the_worst_to_the_best():
    scores = {str(n): n / 100 for n in range(60)}
    chosen = spread(scores, most=20)
    assert chosen[:2] == ["0", "59"]
    assert len(set(chosen)) == 20
    assert max(np.diff(sorted(map(int, chosen)))) <= 4


def test_all_cases_are_taken_where_they_are_few_even_without_a_score():
    assert sorted(spread({"a": 0.5, "b": float("nan")}, most=20)) == ["a", "b"]
    assert spread({}, most=20) == []
    assert spread({"a": 0.1, "b": 0.2}, most=1) == ["a"]


def test_masks_of_every_variant_are_cut_alike_and_exact(browse, made):
    found = browse()
    assert [picture.case_id for picture in found.pictures] == sorted(made.labels)
    for picture in found.pictures:
        # Outlined are voxels 14 to 26, 10 to 20 and 3 to 9; 8 mm are 8 voxels, of 2 mm four.
        assert picture.start == (6, 2, 0)
        assert picture.shape == (28, 26, 12)
        part = tuple(slice(at, at + size) for at, size in zip(picture.start, picture.shape, strict=True))
        label = decode(picture.reference, picture.shape, picture.labels)
        np.testing.assert_array_equal(label, made.labels[picture.case_id][part])
        for name, mask in picture.predictions.items():
            np.testing.assert_array_equal(
                decode(mask, picture.shape, picture.labels), made.masks[name][picture.case_id][part]
            )


def test_each_variant_shows_its_first_finished_seed_that_kept_masks(browse):
    found = browse()
    assert [(each.replicate.seed, each.trial_id) for each in found.trials] == [(0, "v0-s0"), (0, "v1-s0"), (0, "v2-s0")]
    assert "seed 0" in found.notes[0]


def test_cases_beyond_the_budget_are_left_out_and_counted(browse, monkeypatch):
    largest = max(picture.size for picture in browse().pictures)
    monkeypatch.setattr(pictures, "MOST_BYTES", 2 * largest)
    found = browse()
    assert len(found.pictures) == 2
    assert any(note.startswith("2 of 4 cases are here") for note in found.notes)


def test_a_large_case_is_averaged_in_its_planes_and_says_so(browse, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_VOXELS", 28 * 26 * 12 // 4)
    found = browse()
    assert {picture.shape for picture in found.pictures} == {(14, 13, 12)}
    assert {picture.spacing_mm for picture in found.pictures} == {(2.0, 2.0, 2.0)}
    assert any("2 x 2 voxels" in note for note in found.notes)


def test_sampling_takes_the_middle_voxel_of_each_block():
    mask = np.arange(30, dtype=np.uint8).reshape(6, 5, 1)
    np.testing.assert_array_equal(sampled(mask, 3)[:, :, 0], [[6, 9], [21, 24]])


def test_progress_is_told_case_by_case(browse):
    told = []
    browse(on_case=lambda done, total, case: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("folder", [None, "nowhere"])
def test_without_its_data_set_the_browser_says_how_to_get_it(browse, tmp_path, folder):
    found = browse(folder and tmp_path / folder)
    assert not found.pictures
    assert "--dataset" in found.notes[0]


def test_a_data_set_that_is_named_must_be_one(made, tmp_path):
    with pytest.raises(AnalysisError, match="no data set in"):
        read_report(made.runs, "toy", dataset=tmp_path)


def test_masks_on_another_grid_are_left_out_by_name(browse, made, tmp_path):
    shutil.copytree(made.dataset, tmp_path / "hearts")
    with h5py.File(tmp_path / "hearts" / "cases" / "case d.h5", "a") as file:
        del file["image"], file["label"]
        file["image"] = np.zeros((5, 5, 5), dtype=np.float32)
        file["label"] = np.zeros((5, 5, 5), dtype=np.uint8)
    found = browse(tmp_path / "hearts")
    assert len(found.pictures) == 3
    assert "case d" in found.notes[0]


def test_old_runs_have_no_masks_and_say_so(write_sweep, tmp_path):
    rows = [{"case_id": case, "dice": 0.8} for case in "abc"]
    runs = write_sweep({"ref": {0: rows}, "other": {0: rows}})
    (tmp_path / "set" / "cases").mkdir(parents=True)
    found = read_report(runs, "toy", dataset=tmp_path / "set").browser
    assert found.notes == ("No trial of this sweep has kept its masks.",)
