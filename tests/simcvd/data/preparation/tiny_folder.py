"""How a folder of tiny scans is prepared, and what it may hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simcvd.data.preparation.nifti import prepare_nifti
from simcvd.data.preparation.options import PrepareOptions
from simcvd.data.preparation.prepare import PrepareReport

Nifti = Callable[..., Any]


def run(source: Any, target: Path, **options: Any) -> PrepareReport:
    return prepare_nifti(source.path, target, PrepareOptions(**{"val": 0, "test": 0, "workers": 2} | options))


def scan(number: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(number).normal(100, 20, (12, 14, 10)).astype(np.float32)


BOX = np.zeros((12, 14, 10), np.uint8)
BOX[3:6, 4:9, 2:7] = 1


def bad_empty(folder: Any) -> None:
    folder.label("c", BOX * 0)
