from pathlib import Path

from simcvd.config import apply_settings, load_preset
from simcvd.data.store import open_info
from sweeps.preflight.fit import fit_notices

PHANTOM = load_preset("phantom")


def test_crops_larger_than_the_data_are_told_once_a_size(dataset: Path) -> None:
    """The data set's cases have 8 x 8 x 8 voxels."""
    info = open_info(dataset)
    configs = [
        apply_settings(PHANTOM, {"seed": seed, "data.crop_vox": [16, side, 16]}) for seed in (0, 1) for side in (16, 32)
    ]
    first, second = fit_notices(info, configs)
    assert "The crop of 16 x 16 x 16 voxels exceeds every training case along X and Y and Z" in first
    assert "The crop of 16 x 32 x 16 voxels" in second


def test_the_hungriest_trial_is_told_where_memory_does_not_suffice(dataset: Path) -> None:
    info = open_info(dataset)
    strides = {"network.strides": [[1, 1, 1]] * 4, "data.crop_vox": [8, 8, 8], "inference.stride_vox": [4, 4, 4]}
    small = apply_settings(PHANTOM, strides)
    large = apply_settings(small, {"method": "cps", "training.batch_labeled": 4})
    assert fit_notices(info, [small, large], 10**11, "each") == ()
    assert fit_notices(info, [small, large]) == ()
    (told,) = fit_notices(info, [small, large], 10**8, "each")
    assert told.startswith("A step of cps with 6 crops of 8 x 8 x 8 voxels takes about")
    assert "and each has 0.1 GB for a trial" in told


def test_nothing_to_run_is_nothing_to_tell(dataset: Path) -> None:
    assert fit_notices(open_info(dataset), [], 1) == ()
