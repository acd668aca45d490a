import subprocess
import sys

import pytest

from simcvd.config import (
    TrialConfig,
    apply_settings,
    load_preset,
)
from simcvd.errors import UserError


def test_short_runs_get_a_faster_teacher() -> None:
    config = apply_settings(load_preset("la"), {"training.steps": 400})
    assert config.ema_decay == pytest.approx(1 - 6 / 400)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig().seed = 3  # type: ignore[misc]


def test_zero_maps_of_absent_classes_want_maps_of_crops() -> None:
    with pytest.raises(
        UserError, match=r"sdm\.absent is zero with sdm\.scope=case, expected outside, or sdm\.scope=patch"
    ):
        apply_settings(TrialConfig(), {"sdm.absent": "zero"})
    assert apply_settings(TrialConfig(), {"sdm.absent": "zero", "sdm.scope": "patch"}).sdm.absent == "zero"


def test_supervised_training_alone_reads_labelled_crops_in_all_places() -> None:
    sizes = {"training.batch_labeled": 3, "training.batch_unlabeled": 5}
    config = apply_settings(TrialConfig(), sizes)
    assert config.labeled_crops == 3
    assert apply_settings(config, {"method": "supervised"}).labeled_crops == 8
    assert apply_settings(config, {"method": "supervised", "supervised.whole_batch": False}).labeled_crops == 3
    assert apply_settings(config, {"method": "mean_teacher"}).labeled_crops == 3


def test_settings_import_no_torch() -> None:
    code = "import sys, simcvd.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
