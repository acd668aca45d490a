import subprocess
import sys

import pytest

from simcvd.config import (
    TrialConfig,
    apply_settings,
    load_preset,
)


def test_short_runs_get_a_faster_teacher() -> None:
    config = apply_settings(load_preset("la"), {"training.steps": 400})
    assert config.ema_decay == pytest.approx(1 - 6 / 400)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig().seed = 3  # type: ignore[misc]


def test_settings_import_no_torch() -> None:
    code = "import sys, simcvd.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
