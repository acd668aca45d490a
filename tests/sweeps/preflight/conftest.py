import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from simcvd.config import apply_settings, load_preset
from sweeps.preflight.checks import Findings, Subject, preflight
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder

Check = Callable[..., Findings]


@pytest.fixture
def data(dataset: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged: case0 and case1 train, case2 is val, the other three are test."""
    return Path(shutil.copytree(dataset, tmp_path / "data"))


@pytest.fixture
def check(data: Path, tmp_path: Path) -> Check:
    """Look at this machine for two trials side by side of that data set; `options` are a subject's."""

    def call(runs: Path = tmp_path, settings: Mapping[str, Any] | None = None, **options: Any) -> Findings:
        config = apply_settings(load_preset("phantom"), settings or {})
        subject = Subject(InPlace(data), SharedFolder(runs), [config], **options)
        return preflight(subject, Placement(), 2, [])

    return call
