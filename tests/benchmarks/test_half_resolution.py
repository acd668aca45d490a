import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_case, open_info
from sweeps.definition.catalogue import load_sweep
from sweeps.definition.expand import expand

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "half_resolution.py"


@pytest.fixture
def halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[Path, Path]:
    whole, half = tmp_path / "whole", tmp_path / "half"
    write_phantom(whole, labeled=1, unlabeled=1, val=1, test=1, shape=(21, 18, 17), classes=2)
    monkeypatch.setattr(sys, "argv", ["half_resolution", str(whole), str(half)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "4 cases with voxels of 2 x 2 x 2 mm" in capsys.readouterr().out
    return whole, half


def test_voxels_are_means_and_majorities_of_their_blocks(halved: tuple[Path, Path]) -> None:
    whole, half = halved
    before, after = open_info(whole), open_info(half)
    assert after.splits == before.splits
    assert (after.name, after.classes, after.preset) == ("phantom-half", before.classes, "phantom")
    for case_id in before.splits.all():
        old, new = (open_case(folder, case_id, with_label=True) for folder in halved)
        assert old.label is not None
        assert new.label is not None
        assert new.image.shape == (1, 10, 9, 8)
        assert new.spacing_mm == (2.0, 2.0, 2.0)
        for x, y, z in np.ndindex(new.label.shape):
            block = (slice(2 * x, 2 * x + 2), slice(2 * y, 2 * y + 2), slice(2 * z, 2 * z + 2))
            assert new.image[0, x, y, z] == pytest.approx(np.mean(old.image[0][block]), abs=1e-6)
            counts = np.bincount(old.label[block].ravel(), minlength=3)
            assert counts[new.label[x, y, z]] == counts.max()
            assert new.label[x, y, z] == max(np.flatnonzero(counts == counts.max()))


def test_an_object_stays_where_it_is_in_the_scan(halved: tuple[Path, Path]) -> None:
    for case_id in open_info(halved[0]).splits.all():
        centres = []
        for folder in halved:
            case = open_case(folder, case_id, with_label=True)
            assert case.label is not None
            voxels = np.argwhere(case.label > 0) + np.array(case.crop_start)
            centres.append((np.c_[voxels, np.ones(len(voxels))] @ case.affine.T)[:, :3].mean(axis=0))
        assert np.abs(centres[0] - centres[1]).max() < 0.5


def test_a_folder_that_is_there_is_left_alone(halved: tuple[Path, Path]) -> None:
    with pytest.raises(SystemExit, match="is there already; choose a new folder"):
        runpy.run_path(str(SCRIPT), run_name="__main__")


def test_its_sweep_has_the_papers_steps_and_half_the_papers_crops() -> None:
    variants = expand(load_sweep(str(SCRIPT.with_suffix(".yaml"))), "digest")
    assert [v.trials[0].config.method for v in variants] == ["supervised", "mean_teacher", "ua_mt", "dtc", "simcvd"]
    for config in (trial.config for variant in variants for trial in variant.trials):
        assert config.training.steps == 6000
        assert (config.data.crop_vox, config.inference.stride_vox) == ((48, 48, 32), (16, 16, 8))
