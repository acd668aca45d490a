"""Each rival under the sweep `methods-published` beside its public formula, on the same outputs of its networks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from simcvd.config import TrialConfig, apply_settings
from simcvd.data.sdm import signed_distance_maps
from simcvd.draws import Draws
from simcvd.losses.schedules import learning_rate, ramp_up
from simcvd.methods.base import Batch, Method
from simcvd.methods.registry import create
from simcvd.networks.ema import decay_at
from sweeps.definition.catalogue import load_sweep
from sweeps.definition.expand import expand
from tests.simcvd.methods.rivals import public_formulas as public
from tests.tiny_trial import NARROW

SIZES = NARROW | {
    "data.crop_vox": [16, 8, 8],
    "network.strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
    "inference.stride_vox": [8, 8, 8],
}
STEPS = 6000
LAST = STEPS - 1
"""The step at which every weight is full."""

Calls = dict[str, list[tuple[np.ndarray, Any]]]


def _configs() -> dict[str, TrialConfig]:
    variants = {variant.name: variant for variant in expand(load_sweep("methods-published"), "d")}
    return {name: apply_settings(variant.trials[0].config, SIZES) for name, variant in variants.items()}


CONFIGS = _configs()
TOTALS: dict[str, Callable[[Calls, Batch], float]] = {}
"""Each row's total loss at full weights, from what its networks were given and returned, and the crops."""


def _total(name: str) -> Callable[[Callable[[Calls, Batch], float]], Callable[[Calls, Batch], float]]:
    def keep(formula: Callable[[Calls, Batch], float]) -> Callable[[Calls, Batch], float]:
        TOTALS[name] = formula
        return formula

    return keep


def _logits(calls: Calls, network: str = "student", call: int = 0) -> np.ndarray:
    return np.asarray(calls[network][call][1].logits.detach().double())


def _sdm(calls: Calls) -> np.ndarray:
    return np.asarray(calls["student"][0][1].sdm.detach().double())


@_total("Supervised (lower bound)")
def _supervised(calls: Calls, batch: Batch) -> float:
    return public.half_and_half(_logits(calls), batch.label.numpy(), (1,))


@_total("Mean teacher")
def _mean_teacher(calls: Calls, batch: Batch) -> float:
    student, teacher = _logits(calls), _logits(calls, "teacher")
    same = public.mean_square(softmax(student[2:], 1), softmax(teacher, 1))
    return public.half_and_half(student[:2], batch.label.numpy(), (0, 1)) + 0.1 * same


@_total("UA-MT")
def _ua_mt(calls: Calls, batch: Batch) -> float:
    student, teacher = _logits(calls), softmax(_logits(calls, "teacher"), 1).reshape(9, 2, 2, 16, 8, 8)
    threshold = (0.75 + 0.25 * public.ramp(LAST, STEPS)) * np.log(2)
    same = public.certain_mean_square(softmax(student[2:], 1), teacher[0], teacher[1:], threshold)
    return public.half_and_half(student[:2], batch.label.numpy(), (1,)) + 0.1 * same


@_total("Entropy min.")
def _entropy_min(calls: Calls, batch: Batch) -> float:
    student = _logits(calls)
    return public.half_and_half(student[:2], batch.label.numpy(), (0, 1)) + 0.1 * public.entropy(softmax(student, 1))


@_total("CPS")
def _cps(calls: Calls, batch: Batch) -> float:
    both = [_logits(calls, name) for name in ("student", "peer")]
    total = sum(public.half_and_half(own[:2], batch.label.numpy(), (0, 1)) for own in both)
    return total + 0.1 * sum(public.cross_entropy(a[2:], b[2:].argmax(1)) for a, b in (both, both[::-1]))


@_total("ICT")
def _ict(calls: Calls, batch: Batch) -> float:
    """The factor of each mixed crop is read off the crops: x = m a + (1 - m) b, so m = (x - b).(a - b) / |a - b|^2."""
    student, teacher = _logits(calls), softmax(_logits(calls, "teacher"), 1)
    crops, mixed = calls["teacher"][0][0], calls["student"][0][0][2:]
    targets = []
    for number, other in ((0, 1), (1, 0)):
        away = crops[number] - crops[other]
        factor = ((mixed[number] - crops[other]) * away).sum() / (away**2).sum()
        np.testing.assert_allclose(mixed[number], factor * crops[number] + (1 - factor) * crops[other], atol=1e-5)
        targets.append(factor * teacher[number] + (1 - factor) * teacher[other])
    same = public.mean_square(softmax(student[2:], 1), np.stack(targets))
    return public.half_and_half(student[:2], batch.label.numpy(), (0, 1)) + 0.1 * same


@_total("DAN")
def _dan(calls: Calls, batch: Batch) -> float:
    against = np.asarray(calls["discriminator"][0][1].detach().double())
    fooled = public.cross_entropy(against, np.full(2, public.LABELED))
    return public.half_and_half(_logits(calls)[:2], batch.label.numpy(), (0, 1)) + 0.1 * fooled


@_total("SASSNet")
def _sassnet(calls: Calls, batch: Batch) -> float:
    label = batch.label.numpy()
    against = np.asarray(calls["discriminator"][0][1].detach().double())
    fooled = public.cross_entropy(against, np.full(2, public.LABELED))
    shape = public.mean_square(_sdm(calls)[:2, 0], public.signed_distance(label))
    return public.foreground_dice(_logits(calls)[:2], label) + 0.3 * shape + 0.01 * fooled


@_total("DTC")
def _dtc(calls: Calls, batch: Batch) -> float:
    label, logits, sdm = batch.label.numpy(), _logits(calls), _sdm(calls)
    shape = public.mean_square(sdm[:2, 0], public.signed_distance(label))
    same = public.mean_square(expit(-1500 * sdm[:, 0]), expit(logits[:, 1] - logits[:, 0]))
    return public.foreground_dice(logits[:2], label) + 0.3 * shape + 1.0 * same


def _watched(method: Method) -> Calls:
    """Return what every network is given and returns from now on."""
    calls: Calls = {name: [] for name in method.networks}
    for name, network in method.networks.items():
        network.register_forward_hook(
            lambda _, given, returned, name=name: calls[name].append((np.asarray(given[0].detach().double()), returned))
        )
    return calls


def _crops(config: TrialConfig, make_batch: Callable[..., Batch]) -> Batch:
    """Crops of a step with the maps that the loader makes; where there are maps of crops, one shows no object."""
    batches = [make_batch(step=step) for step in range(config.labeled_crops // 2)]
    batch = replace(
        batches[0],
        image_labeled=torch.cat([one.image_labeled for one in batches]),
        label=torch.cat([one.label for one in batches]),
    )
    if config.sdm.scope == "patch":
        batch.label[1] = 0
        maps = [signed_distance_maps(label.numpy(), 1, absent=0.0) for label in batch.label]
        batch = replace(batch, sdm=torch.from_numpy(np.stack(maps)).float())
    return batch


def differences(make_batch: Callable[..., Batch]) -> dict[str, tuple[float, float]]:
    """Return each row's total loss and that of the public formula."""
    found = {}
    for name, formula in TOTALS.items():
        config = CONFIGS[name]
        method, batch = create(config, 1, 2), _crops(config, make_batch)
        calls = _watched(method)
        method.before_step(LAST)
        terms = method.terms(batch, LAST, Draws(config.seed, LAST))
        found[name] = (sum(term.weight * term.value.item() for term in terms), formula(calls, batch))
    return found


@pytest.fixture(scope="module")
def totals(make_batch: Callable[..., Batch]) -> dict[str, tuple[float, float]]:
    return differences(make_batch)


def test_every_rival_with_a_public_3d_code_is_compared() -> None:
    left = {"Supervised (upper bound)", "Chaitanya et al.", "SimCVD"}
    assert CONFIGS.keys() - TOTALS.keys() == left


@pytest.mark.parametrize("name", TOTALS)
def test_the_loss_is_the_public_one_on_the_same_outputs(name: str, totals: dict[str, tuple[float, float]]) -> None:
    ours, theirs = totals[name]
    assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("name", ["Mean teacher", "UA-MT", "DAN", "SASSNet", "DTC", "CPS", "Entropy min."])
def test_the_student_sees_the_crops_as_they_are(name: str, make_batch: Callable[..., Batch]) -> None:
    config = CONFIGS[name]
    method, batch = create(config, 1, 2), _crops(config, make_batch)
    calls = _watched(method)
    method.terms(batch, 0, Draws(0, 0))
    together = torch.cat((batch.image_labeled, batch.image_unlabeled)).double().numpy()
    for network in {"student", "peer"} & calls.keys():
        assert np.array_equal(calls[network][0][0], together)


@pytest.mark.parametrize("name", ["DAN", "SASSNet"])
def test_the_discriminators_own_loss_is_the_public_one_after_the_segmenters_step(
    name: str, make_batch: Callable[..., Batch]
) -> None:
    config = CONFIGS[name]
    method, batch = create(config, 1, 2), _crops(config, make_batch)
    calls = _watched(method)
    method.before_step(0)
    terms = method.terms(batch, 0, Draws(0, 0))
    torch.stack([term.weight * term.value for term in terms]).sum().backward()
    method.optimisers["sgd"].step()
    method.after_step(0)
    told = np.asarray(calls["discriminator"][1][1].detach().double())
    targets = np.array([public.LABELED, public.LABELED, public.UNLABELED, public.UNLABELED])
    assert method.diagnostics["discriminator"].item() == pytest.approx(public.cross_entropy(told, targets), abs=1e-6)


@pytest.mark.parametrize("name", TOTALS)
def test_the_rate_the_decay_and_the_moving_average_are_those_of_the_public_loop(name: str) -> None:
    training = CONFIGS[name].training
    assert (training.steps, training.momentum, training.weight_decay) == (STEPS, 0.9, 1e-4)
    for step in range(STEPS):
        found = learning_rate(step, STEPS, training.learning_rate, training.learning_rate_drop_fraction)
        assert found == pytest.approx(0.01 * 0.1 ** (step // 2500))
    if name in ("Mean teacher", "UA-MT", "ICT"):
        for step in (0, 50, 98, 99, 100, LAST):
            assert decay_at(step, CONFIGS[name].ema_decay) == min(1 - 1 / (step + 1), 0.99)


def test_the_ramp_runs_ahead_of_the_public_one_which_climbs_in_stairs_of_150_steps() -> None:
    """By less than 0.048 of the full weight, where a stair ends on the steepest part, and 0.012 on average."""
    ahead = np.array([ramp_up(step, STEPS) - public.ramp(step // 150, 40) for step in range(STEPS)])
    assert ahead.min() >= 0
    assert 0.04 < ahead.max() < 0.048
    assert ahead.mean() == pytest.approx(0.012, abs=1e-3)
