from pathlib import Path

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.runs.masks import MaskWriter, masked_cases, read_mask
from tests.simcvd.foreign_hdf5 import WAYS, foreign


def _write(runs: Path, trial_id: str, masks: dict[str, np.ndarray]) -> None:
    with MaskWriter(runs, trial_id) as writer:
        for case_id, mask in masks.items():
            writer.add(case_id, mask)


def test_masks_come_back_as_they_were_written(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    masks = {f"case/{n} ü": generator.integers(0, 3, (5, 6, 7), dtype=np.uint8) for n in range(2)} | {
        "b": np.zeros((1, 1, 1), np.uint8)
    }
    _write(tmp_path, "t", {name.replace("/", "-"): mask for name, mask in masks.items()})
    assert masked_cases(tmp_path, "t") == ["b", "case-0 ü", "case-1 ü"]
    for name, mask in masks.items():
        found = read_mask(tmp_path, "t", name.replace("/", "-"))
        assert found is not None
        assert found.dtype == np.uint8
        assert np.array_equal(found, mask)


def test_what_was_not_kept_is_none(tmp_path: Path) -> None:
    assert masked_cases(tmp_path, "t") == []
    assert read_mask(tmp_path, "t", "a") is None
    _write(tmp_path, "t", {"a": np.ones((2, 2, 2), np.uint8)})
    assert read_mask(tmp_path, "t", "b") is None
    assert read_mask(tmp_path, "other", "a") is None


def test_a_case_of_the_left_atrium_size_takes_little(tmp_path: Path) -> None:
    mask = np.zeros((190, 140, 88), np.uint8)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in mask.shape), indexing="ij")
    mask[sum(axis**2 for axis in axes) < 0.3] = 1
    _write(tmp_path, "t", {"a": mask})
    assert (tmp_path / "results/masks/t.h5").stat().st_size < mask.size / 50


def test_an_error_leaves_the_file_of_before_and_nothing_else(tmp_path: Path) -> None:
    _write(tmp_path, "t", {"a": np.ones((2, 2, 2), np.uint8)})

    def broken() -> None:
        with MaskWriter(tmp_path, "t") as writer:
            writer.add("b", np.ones((2, 2, 2), np.uint8))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert masked_cases(tmp_path, "t") == ["a"]
    assert [path.name for path in (tmp_path / "results/masks").iterdir()] == ["t.h5"]


def test_what_a_killed_writer_left_is_passed_over(tmp_path: Path) -> None:
    half = tmp_path / "results/masks/.t.h5.tmp-1-0"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a file")
    assert masked_cases(tmp_path, "t") == []
    _write(tmp_path, "t", {"a": np.ones((2, 2, 2), np.uint8)})
    assert masked_cases(tmp_path, "t") == ["a"]


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results/masks/t.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(AnalysisError, match=r"t\.h5 can't be read"):
        masked_cases(tmp_path, "t")
    with pytest.raises(AnalysisError, match=r"t\.h5 can't be read"):
        read_mask(tmp_path, "t", "a")


@pytest.mark.parametrize("way", WAYS)
def test_masks_are_those_of_the_file_itself(way: str, tmp_path: Path) -> None:
    path = tmp_path / "results/masks/t.h5"
    path.parent.mkdir(parents=True)
    foreign(path, "a", way)
    with pytest.raises(AnalysisError, match=r"t\.h5 can't be read \(.*its 'a' .*; store the voxels in the file"):
        read_mask(tmp_path, "t", "a")
