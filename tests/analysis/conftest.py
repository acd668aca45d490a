from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.made_runs import case_row, trial_row, write_toy_sweep


@pytest.fixture
def make_case() -> Callable[..., dict[str, Any]]:
    return case_row


@pytest.fixture
def make_trial() -> Callable[..., dict[str, Any]]:
    return trial_row


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[..., Path]:
    """Write a sweep `toy` as `write_toy_sweep` does."""
    return partial(write_toy_sweep, tmp_path)
