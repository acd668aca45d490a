from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.runs.case_images import read_case_image
from simcvd.data.store import Grid, write_case
from tests.simcvd.foreign_hdf5 import SHAPE, WAYS, foreign


@pytest.mark.parametrize("channels", [0, 2])
def test_a_prepared_case_is_read(tmp_path: Path, channels: int) -> None:
    generator = np.random.default_rng(0)
    image = generator.normal(size=(channels, 6, 7, 8) if channels else (6, 7, 8)).astype(np.float32)
    label = generator.integers(0, 2, (6, 7, 8), dtype=np.uint8)
    write_case(tmp_path, "a", image, label, Grid((1, 0.5, 2), np.eye(4), label.shape), classes=1)
    case = read_case_image(tmp_path, "a")
    assert case is not None
    assert case.label is not None
    assert case.image.dtype == np.float32
    assert np.array_equal(case.image, image[0] if channels else image)
    assert np.array_equal(case.label, label)
    assert case.spacing_mm == (1, 0.5, 2)


def test_ignored_voxels_are_shown_as_background(tmp_path: Path) -> None:
    label = np.array([[[0, 1, 2, 255]]], np.uint8)
    write_case(tmp_path, "a", label.astype(np.float32), label, Grid((1, 1, 1), np.eye(4), label.shape), classes=2)
    case = read_case_image(tmp_path, "a")
    assert case is not None
    assert case.label is not None
    assert case.label.tolist() == [[[0, 1, 2, 0]]]


def test_an_unlabelled_case_has_no_label(tmp_path: Path) -> None:
    image = np.zeros((4, 5, 6), np.float32)
    write_case(tmp_path, "a", image, None, Grid((1, 1, 1), np.eye(4), image.shape), classes=1)
    case = read_case_image(tmp_path, "a")
    assert case is not None
    assert case.label is None


def test_no_case_is_none_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert read_case_image(tmp_path, "a") is None
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases/a.h5").write_bytes(b"truncated")
    with pytest.raises(AnalysisError, match=r"a\.h5 can't be read"):
        read_case_image(tmp_path, "a")
    with h5py.File(tmp_path / "cases/b.h5", "w") as file:
        file["other"] = 1
    with pytest.raises(AnalysisError, match=r"b\.h5 can't be read"):
        read_case_image(tmp_path, "b")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["image", "label"])
def test_pictures_show_no_other_file_of_the_machine(name: str, way: str, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    foreign(tmp_path / "cases/a.h5", name, way)
    with h5py.File(tmp_path / "cases/a.h5", "a") as file:
        if name == "label":
            file["image"] = np.zeros(SHAPE, np.float32)
        file.attrs["spacing_mm"] = (1.0, 1.0, 1.0)
    with pytest.raises(AnalysisError, match=rf"its '{name}' .*; store the voxels in the file itself"):
        read_case_image(tmp_path, "a")


@pytest.mark.parametrize("absolute", [False, True])
def test_the_id_of_a_case_does_not_lead_out_of_the_folder(absolute: bool, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["image"] = np.zeros(SHAPE, np.float32)
        file.attrs["spacing_mm"] = (1.0, 1.0, 1.0)
    (tmp_path / "set/cases").mkdir(parents=True)
    with pytest.raises(AnalysisError, match="can't have a file: its id "):
        read_case_image(tmp_path / "set", str(tmp_path / "secret") if absolute else "../../secret")
