from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simcvd.config import apply_settings, load_preset
from simcvd.transforms.augmentation import augment_image

NAMES = ("local_shuffle", "nonlinear_intensity", "in_painting", "out_painting")
IMAGE = np.random.default_rng(0).normal(size=(2, 32, 16, 16)).astype(np.float32)


def _augment(changes: dict[str, Any], seed: int = 0, asked: list[str] | None = None) -> NDArray[np.float32]:
    def generator(name: str) -> np.random.Generator:
        if asked is not None:
            asked.append(name)
        return np.random.default_rng([seed, NAMES.index(name)])

    settings = {f"augment.{key}": value for key, value in changes.items()}
    return augment_image(IMAGE, apply_settings(load_preset("la"), settings).augment, generator)


def _on(*names: str) -> dict[str, Any]:
    return {f"{name}.probability": 1.0 for name in names}


def test_by_default_nothing_is_drawn_and_nothing_changes() -> None:
    asked: list[str] = []
    assert np.array_equal(_augment({}, asked=asked), IMAGE)
    assert asked == []


@pytest.mark.parametrize("name", NAMES)
def test_each_is_switched_on_alone_and_leaves_the_image_given(name: str) -> None:
    before, asked = IMAGE.copy(), list[str]()
    augmented = _augment(_on(name), asked=asked)
    assert asked == [name]
    assert augmented.shape == IMAGE.shape
    assert augmented.dtype == np.float32
    assert np.isfinite(augmented).all()
    assert (augmented != IMAGE).mean() > 0.02
    assert np.array_equal(IMAGE, before)
    assert np.array_equal(augmented, _augment(_on(name)))
    assert not np.array_equal(augmented, _augment(_on(name), seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_about_the_asked_share_of_crops_is_augmented(name: str) -> None:
    changed = [not np.array_equal(_augment({f"{name}.probability": 0.3}, seed), IMAGE) for seed in range(200)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.1)


def test_out_painting_is_the_last_and_its_boxes_show_the_others() -> None:
    """Where the paintings leave a voxel, shuffling and curve have been; the draws are the same as of each alone."""
    both = _augment(_on("local_shuffle", "nonlinear_intensity"))
    painted = _augment(_on("in_painting")) != IMAGE
    outside = _augment(_on("out_painting")) != IMAGE
    everything = _augment(_on(*NAMES))
    left = ~(painted | outside)
    assert left.mean() > 0.1
    assert np.array_equal(everything[left], both[left])
    assert (everything[outside] != both[outside]).mean() > 0.99


def test_sizes_reach_the_draws() -> None:
    side = {"in_painting.min_side": 1.0, "in_painting.max_side": 1.0, "in_painting.boxes": 1}
    assert (_augment(_on("in_painting") | side) != IMAGE).all()
    side = {"out_painting.min_side": 1.0, "out_painting.max_side": 1.0, "out_painting.boxes": 1}
    assert (_augment(_on("out_painting") | side) == IMAGE).all()
    upright, falling = (_augment(_on("nonlinear_intensity") | {"nonlinear_intensity.inverted": p}) for p in (0.0, 1.0))
    assert np.corrcoef(upright[0].ravel(), IMAGE[0].ravel())[0, 1] > 0.3
    assert np.corrcoef(falling[0].ravel(), IMAGE[0].ravel())[0, 1] < -0.3
    assert (_augment(_on("local_shuffle") | {"local_shuffle.share": 0.1}) != IMAGE).mean() < 0.3
    long = _augment(_on("local_shuffle") | {"local_shuffle.share": 1.0, "local_shuffle.max_side": 1.0})
    assert (long != IMAGE).mean() > 0.95
