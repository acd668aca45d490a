from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from simcvd.config.settings import DataConfig
from simcvd.data.phantom import make_phantom, write_phantom
from simcvd.data.store import CaseFile, case_digest, open_split, open_training
from simcvd.errors import UserError

SMALL = (24, 20, 16)


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("seed", range(2))
def test_scan_is_normalised_and_label_holds_one_piece_of_every_class(seed: int, classes: int) -> None:
    image, label = make_phantom(generator(seed), (40, 40, 40), classes)

    assert image.dtype == np.float32
    assert image.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert image.var(dtype=np.float64) == pytest.approx(1, abs=1e-4)
    assert label.dtype == np.uint8
    assert np.unique(label).tolist() == list(range(classes + 1))
    assert ndimage.label(label)[1] == 1
    assert 0.01 < (label > 0).mean() < 0.15


def test_shape_is_as_asked() -> None:
    image, label = make_phantom(generator(0), SMALL)

    assert image.shape == label.shape == SMALL


def test_same_generator_gives_the_same_scan() -> None:
    first, second, other = (make_phantom(generator(seed), SMALL) for seed in (1, 1, 2))

    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_no_threshold_finds_the_object() -> None:
    """Distractors are as bright: the best threshold of the denoised scan stays far from the label."""
    best = []
    for seed in range(3):
        image, label = make_phantom(generator(seed))
        smooth = ndimage.gaussian_filter(image, 1.5)
        dice = [2 * (label * (smooth > t)).sum() / (label.sum() + (smooth > t).sum()) for t in np.linspace(0.5, 2.5, 9)]
        best.append(max(dice))

    assert np.mean(best) < 0.75


def test_labelled_scans_are_the_clear_ones(tmp_path: Path) -> None:
    write_phantom(tmp_path, labeled=3, unlabeled=3, val=1, test=1, shape=SMALL)

    def roughness(case: CaseFile) -> float:
        return float(np.abs(np.diff(case.image[0], axis=0)).mean())

    view = open_training(tmp_path)
    assert np.mean([roughness(c) for c in view.labeled]) < 0.8 * np.mean([roughness(c) for c in view.unlabeled])


@pytest.mark.parametrize(("shape", "classes"), [((40, 40, 8), 1), ((40, 40, 40), 3)])
def test_what_can_not_be_drawn_is_refused(shape: tuple[int, int, int], classes: int) -> None:
    with pytest.raises(ValueError, match="expected sides of 16 or more"):
        make_phantom(generator(0), shape, classes)


def test_data_set_has_its_splits_and_opens(tmp_path: Path) -> None:
    info = write_phantom(tmp_path, labeled=2, unlabeled=3, val=1, test=2, shape=SMALL, classes=2)

    view = open_training(tmp_path)
    assert info == view.info
    assert info.preset == "phantom"
    assert info.classes == ("object", "core")
    assert [len(cases) for cases in (view.labeled, view.unlabeled, view.val, open_split(tmp_path, "test"))] == [
        2,
        3,
        1,
        2,
    ]
    assert all(case.label is None for case in view.unlabeled)
    assert view.labeled[0].sdm is not None
    assert view.labeled[0].sdm.shape == (2, *SMALL)
    assert case_digest(tmp_path, "phantom_000") == info.digests["phantom_000"]
    assert len(open_training(tmp_path, DataConfig(labeled=5)).labeled) == 5


def test_same_seed_has_the_same_digest_elsewhere(tmp_path: Path) -> None:
    sizes = {"labeled": 1, "unlabeled": 1, "val": 1, "test": 1, "shape": SMALL}
    first, second, other = (
        write_phantom(tmp_path / name, seed=seed, **sizes)  # type: ignore[arg-type]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert first.digest == second.digest
    assert first.digest != other.digest


def test_present_set_is_kept_and_another_one_never_overwritten(tmp_path: Path) -> None:
    sizes = {"labeled": 1, "unlabeled": 1, "val": 1, "test": 1, "shape": SMALL}
    first = write_phantom(tmp_path, **sizes)  # type: ignore[arg-type]
    written = (tmp_path / "cases" / "phantom_000.h5").stat().st_mtime_ns

    assert write_phantom(tmp_path, **sizes) == first  # type: ignore[arg-type]
    assert (tmp_path / "cases" / "phantom_000.h5").stat().st_mtime_ns == written
    with pytest.raises(UserError, match="another data set"):
        write_phantom(tmp_path, seed=1, **sizes)  # type: ignore[arg-type]
