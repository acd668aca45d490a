from pathlib import Path

from simcvd.data.checks import crop_notice
from simcvd.data.store import open_training
from tests.simcvd.data.preparation.tiny_folder import Nifti, run


def test_crop_beyond_every_case_is_told(nifti: Nifti, tmp_path: Path) -> None:
    run(nifti(), tmp_path / "dataset")
    view = open_training(tmp_path / "dataset")
    assert crop_notice(view, (12, 14, 10)) is None
    told = crop_notice(view, (16, 14, 16))
    assert told is not None
    assert "exceeds every training case along X and Z (the largest sides are 12 x 14 x 10)" in told
