"""Losses of the rivals as their papers and public codes have them, from the outputs of networks, in float64.

Written from the formulas of yulequan/UA-MT, HiLab-git/SSL4MIS, HiLab-git/DTC, kleinzcy/SASSnet, vikasverma1077/ICT,
charlesCXK/TorchSemiSeg and valeoai/ADVENT, which are of two classes; nothing of simcvd is used.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, log_softmax, softmax

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
UNLABELED, LABELED = 0, 1


def ramp(step: int, last: float) -> float:
    """`exp(-5 (1 - t / T)^2)`, 1 from T on."""
    return float(np.exp(-5 * (1 - min(step, last) / last) ** 2))


def dice(score: Array, target: NDArray[np.bool_]) -> float:
    """One class over the voxels of all crops: `1 - (2 sum s t + e) / (sum s^2 + sum t^2 + e)`, `e = 1e-5`."""
    return float(1 - (2 * (score * target).sum() + 1e-5) / ((score**2).sum() + target.sum() + 1e-5))


def cross_entropy(logits: Array, label: Labels) -> float:
    """The mean over voxels, or over crops where the logits are a crop's."""
    log_probs = log_softmax(logits, 1)
    return float(-np.take_along_axis(log_probs, label[:, None], 1).mean())


def half_and_half(logits: Array, label: Labels, classes: tuple[int, ...]) -> float:
    """L_seg of UA-MT (the foreground's Dice) and of SSL4MIS (the mean of both classes')."""
    probs = softmax(logits, 1)
    losses = [dice(probs[:, c], label == c) for c in classes]
    return (cross_entropy(logits, label) + sum(losses) / len(losses)) / 2


def foreground_dice(logits: Array, label: Labels) -> float:
    """L_seg of DTC and SASSNet, whose one channel is the difference of two."""
    return dice(expit(logits[:, 1] - logits[:, 0]), label == 1)


def mean_square(first: Array, second: Array) -> float:
    """The mean over everything."""
    return float(((first - second) ** 2).mean())


def entropy(probs: Array) -> float:
    """`-sum_c p ln(p + 1e-6) / ln 2`, the mean over voxels."""
    return float(-(probs * np.log(probs + 1e-6)).sum(1).mean() / np.log(2))


def certain_mean_square(student: Array, teacher: Array, passes: Array, threshold: float) -> float:
    """Voxels whose mean prediction `[T, U, 2, ...]` has an entropy below a threshold, in nats."""
    mean = passes.mean(0)
    mask = (-(mean * np.log(mean + 1e-6)).sum(1, keepdims=True) < threshold).astype(np.float64)
    return float((mask * (student - teacher) ** 2).sum() / (2 * mask.sum() + 1e-16))


def signed_distance(label: Labels) -> Array:
    """`compute_sdf` crop by crop: 0 everywhere without object, each side divided by its largest distance."""
    maps = np.zeros(label.shape)
    for number, crop in enumerate(label):
        inside = crop == 1
        if inside.any():
            own, other = ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside)
            maps[number] = other / other.max() - own / own.max()
            maps[number][inside & ~ndimage.binary_erosion(inside, border_value=1)] = 0
    return maps
