import pytest

from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError


def test_fractions_that_leave_nothing_to_fine_tuning_are_refused() -> None:
    with pytest.raises(UserError, match="less than 1 together"):
        apply_settings(load_preset("phantom"), {"chaitanya.global_fraction": 0.5, "chaitanya.local_fraction": 0.5})
