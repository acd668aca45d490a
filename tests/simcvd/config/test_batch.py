from typing import Any

import pytest

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.config.batch import check_batch
from simcvd.errors import UserError


def _config(changes: dict[str, Any]) -> TrialConfig:
    return apply_settings(load_preset("phantom"), changes)


def test_single_unlabelled_crop_has_no_partner_and_is_refused_before_training() -> None:
    alone: dict[str, Any] = {"method": "ict", "training.batch_unlabeled": 1}
    with pytest.raises(UserError, match=r"training\.batch_unlabeled is 1, but ict mixes pairs"):
        check_batch(_config(alone), workers=1)
    check_batch(_config(alone | {"ict.consistency": 0.0}), workers=1)
    check_batch(_config(alone | {"method": "mean_teacher"}), workers=1)
    check_batch(_config(alone | {"training.batch_unlabeled": 2}), workers=2)


def test_what_is_left_of_a_crop_for_batch_norm_follows_the_strides() -> None:
    crop: dict[str, Any] = {"training.batch_labeled": 1, "data.crop_vox": [16, 16, 16]}
    with pytest.raises(UserError, match=r"training\.batch_labeled is 1 with a crop of 16 x 16 x 16 voxels"):
        check_batch(_config(crop), workers=1)
    check_batch(_config(crop | {"network.strides": [[2, 2, 1], *[[2, 2, 2]] * 3]}), workers=1)


def test_deepest_map_of_one_voxel_is_refused_where_each_crop_is_normalised_by_itself() -> None:
    crop: dict[str, Any] = {"network.name": "swin_unetr", "data.crop_vox": [32, 32, 32]}
    with pytest.raises(UserError, match="leaves the deepest map of swin_unetr a single voxel"):
        check_batch(_config(crop), workers=1)
    check_batch(_config(crop | {"data.crop_vox": [64, 32, 32]}), workers=1)


def test_batches_are_shared_evenly() -> None:
    config = _config({"training.batch_labeled": 4, "training.batch_unlabeled": 6})
    check_batch(config, workers=2)
    with pytest.raises(UserError, match=r"training\.batch_unlabeled is 6, which 4 workers can't share.* multiple of 4"):
        check_batch(config, workers=4)
