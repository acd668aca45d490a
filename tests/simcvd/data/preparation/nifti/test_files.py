import os
import re
from pathlib import Path

import pytest

from simcvd.data.preparation.nifti.files import channel_files, file_problem, image_files
from tests.simcvd.data.preparation.nifti.named_files import make


def test_a_file_with_content_has_no_problem_and_a_link_to_one_neither(tmp_path: Path) -> None:
    make(tmp_path, "a.nii")
    (tmp_path / "b.nii").symlink_to("a.nii")
    assert file_problem(tmp_path / "a.nii") is None
    assert file_problem(tmp_path / "b.nii") is None


def test_what_cannot_be_read_is_told_without_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    assert file_problem(path) == f"{path} is missing"
    path.symlink_to("gone.nii")
    assert file_problem(path) == f"{path} is a link to gone.nii, which is missing"
    path.unlink()
    path.mkdir()
    assert file_problem(path) == f"{path} is a folder, expected an image file"
    path.rmdir()
    path.touch()
    assert file_problem(path) == f"{path} is empty (0 bytes), expected an image file"
    path.unlink()
    os.mkfifo(path)
    assert file_problem(path) == f"{path} is no file, expected an image file"
    beneath = make(tmp_path, "b.nii") / "b.nii" / "c.nii"
    assert file_problem(beneath) == f"{beneath} can't be read (Not a directory)"


def test_a_file_of_others_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    assert re.match(r".*a\.nii can't be read by this user", str(file_problem(make(tmp_path, "a.nii") / "a.nii")))


def test_files_of_a_folder_are_listed_by_their_endings(tmp_path: Path) -> None:
    make(tmp_path, "b.nii", "a.NII.GZ", ".c.nii", "d.txt", "e.mha.bak")
    assert [path.name for path in image_files(tmp_path)] == ["a.NII.GZ", "b.nii"]
    assert image_files(tmp_path / "nowhere") == []


def test_channels_lie_beside_the_name_that_means_them(tmp_path: Path) -> None:
    make(tmp_path, "a_0001.nii", "a_0000.nii", "a_0000.nrrd", "ab_0000.nii", "a_00.nii")
    path = tmp_path / "a.nii"
    found = channel_files([path, tmp_path / "b.nii", tmp_path / "nowhere" / "a.nii"])
    assert found == {path: {0: tmp_path / "a_0000.nii", 1: tmp_path / "a_0001.nii"}}
