"""Checks of a method on other data: more classes and channels, thick slices, and whole images."""

import torch

from simcvd.methods.base import Method, Term
from simcvd.methods.registry import create
from simcvd.plugin.checks.check import MakeConfig, expect
from simcvd.plugin.checks.randomness import losses_of
from simcvd.plugin.sample import STEPS, THICK, tiny_batch, train_step


def check_classes(name: str, make_config: MakeConfig) -> None:
    """Train and segment with two channels and four classes."""
    method = create(make_config({}), image_channels=2, classes=4)
    _expect_finite(train_step(method, tiny_batch(image_channels=2, classes=4), 0), "with 2 channels and 4 classes")
    _expect_logits(method, (1, 2, 8, 16, 8), classes=4)


def check_thick_slices(name: str, make_config: MakeConfig) -> None:
    """Train through every stage and segment, with crops of few slices that the first strides keep."""
    method = create(make_config(THICK), 1, 2)
    x, y, z = THICK["data.crop_vox"]
    for step in STEPS:
        terms = train_step(method, tiny_batch(crop_vox=(x, y, z)), step)
        _expect_finite(terms, f"at step {step} with crops of {x} x {y} x {z} voxels")
    _expect_logits(method, (1, 1, x, y, z), classes=2)


def check_segmenters(name: str, make_config: MakeConfig) -> None:
    """Segment between two steps, which must change nothing in the second one."""
    plain, validated = (create(make_config({}), 1, 2) for _ in range(2))
    losses = []
    for method in (plain, validated):
        train_step(method, tiny_batch(), 0)
        if method is validated:
            _expect_logits(method, (3, 1, 16, 8, 8), classes=2)
        losses.append(losses_of(train_step(method, tiny_batch(step=1), 1)))
    expect(
        losses[0] == losses[1],
        "a step after a validation differs from one without: expected `before_step` to put all networks back into "
        "train mode, and nothing kept from a forward pass",
    )


def _expect_finite(terms: list[Term], when: str) -> None:
    for term in terms:
        expect(
            bool(term.value.isfinite()),
            f"the term '{term.name}' is {term.value.item()} {when}: expected a finite number",
        )


def _expect_logits(method: Method, image: tuple[int, int, int, int, int], classes: int) -> None:
    batch, channels, *sides = image
    expected = (batch, classes, *sides)
    for key, segmenter in method.segmenters().items():
        with torch.inference_mode():
            logits = segmenter.eval()(torch.zeros(batch, channels, *sides))
        expect(
            logits.shape == expected,
            f"the segmenter '{key}' maps an image of {' x '.join(map(str, image))} to "
            f"{' x '.join(map(str, logits.shape))}: expected logits of {' x '.join(map(str, expected))}",
        )
        expect(bool(logits.isfinite().all()), f"logits of the segmenter '{key}' are not finite in eval mode")
