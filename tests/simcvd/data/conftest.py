import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest

SHAPE = (12, 14, 10)
Array = np.ndarray[Any, Any]


def scan(number: int, shape: tuple[int, ...] = SHAPE) -> Array:
    return np.random.default_rng(number).normal(100 + number, 20, shape).astype(np.float32)


def two_boxes(shape: tuple[int, ...] = SHAPE) -> Array:
    label = np.zeros(shape, np.uint8)
    label[3:6, 4:9, 2:7] = 1
    label[6:9, 4:9, 2:7] = 2
    return label


@dataclass
class NiftiFolder:
    """A Decathlon folder that a test spoils."""

    path: Path
    images: str = "imagesTr"
    labels: str = "labelsTr"

    def image(self, name: str, array: Array, affine: Array | None = None, folder: str | None = None) -> Path:
        return self._save(folder or self.images, name, array, affine)

    def label(self, name: str, array: Array, affine: Array | None = None) -> Path:
        return self._save(self.labels, name, array, affine)

    def describe(self, **content: Any) -> None:
        (self.path / "dataset.json").write_text(json.dumps(content))

    def _save(self, folder: str, name: str, array: Array, affine: Array | None) -> Path:
        path = self.path / folder / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([1, 1, 2.5, 1]) if affine is None else affine), path)
        return path


@pytest.fixture
def nifti(tmp_path: Path) -> Callable[..., NiftiFolder]:
    """Make a folder of `cases` labelled cases a, b, c, ... and unlabelled ones u0, u1, ..."""

    def make(cases: int = 6, unlabeled: int = 0, **layout: str) -> NiftiFolder:
        folder = NiftiFolder(tmp_path / "source", **layout)
        for number in range(cases):
            folder.image("abcdefghij"[number], scan(number))
            folder.label("abcdefghij"[number], two_boxes())
        for number in range(unlabeled):
            folder.image(f"u{number}", scan(100 + number))
        return folder

    return make


@pytest.fixture
def la_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of the public form, `cases` of P0, P1, ..."""

    def make(cases: int = 4) -> Path:
        folder = tmp_path / "la"
        for number in range(cases):
            (folder / f"P{number}").mkdir(parents=True)
            with h5py.File(folder / f"P{number}" / "mri_norm2.h5", "w") as file:
                file.create_dataset("image", data=scan(number) / 100, compression="gzip")
                file.create_dataset("label", data=(two_boxes() > 0).astype(np.uint8), compression="gzip")
        return folder

    return make
