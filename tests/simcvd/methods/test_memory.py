import pytest

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.methods.memory import memory_notice, step_bytes
from simcvd.methods.registry import METHODS

MEASURED_GIB = {
    "supervised": 2.26,
    "chaitanya": 2.78,
    "dtc": 4.28,
    "entropy_min": 4.08,
    "ict": 4.02,
    "mean_teacher": 4.30,
    "simcvd": 4.41,
    "dan": 4.49,
    "sassnet": 4.40,
    "cps": 7.39,
    "ua_mt": 7.40,
}
"""Peaks of processes that trained two steps of the preset `la` on a CPU: docs/results/2026-11-methods.md."""
MEASURED_SMALL_GIB = {"unimatch": 2.06, "bcp": 1.25, "ad_mt": 1.65, "crossmatch": 2.61}
"""The same with crops of 64 x 64 x 48 voxels."""


def _config(**settings: object) -> TrialConfig:
    return apply_settings(load_preset("la"), {key.replace("__", "."): value for key, value in settings.items()})


def test_every_method_was_measured() -> None:
    assert {*MEASURED_GIB, *MEASURED_SMALL_GIB} == set(METHODS)


@pytest.mark.parametrize("method", MEASURED_GIB)
def test_the_estimate_is_within_a_tenth_of_what_was_measured(method: str) -> None:
    """Supervised training had two labelled crops a step then."""
    config = _config(method=method, supervised__whole_batch=False)
    assert step_bytes(config, 1, 2) / 2**30 == pytest.approx(MEASURED_GIB[method], rel=0.1)


@pytest.mark.parametrize("method", MEASURED_SMALL_GIB)
def test_the_estimate_of_small_crops_is_within_a_tenth_of_what_was_measured(method: str) -> None:
    config = _config(method=method, data__crop_vox=[64, 64, 48])
    assert step_bytes(config, 1, 2) / 2**30 == pytest.approx(MEASURED_SMALL_GIB[method], rel=0.1)


def test_supervised_training_with_four_crops_takes_what_four_crops_take() -> None:
    four, entropy = (step_bytes(_config(method=method), 1, 2) for method in ("supervised", "entropy_min"))
    assert four == entropy
    told = memory_notice(_config(method="supervised"), 1, 2, 2 * 10**9, "cuda:0")
    assert told is not None
    assert told.startswith("A step of supervised with 4 crops of ")


def test_half_precision_takes_about_half_and_larger_crops_more() -> None:
    full, half = (step_bytes(_config(), 1, 2, precision) for precision in ("float32", "bfloat16"))
    assert 0.5 < half / full < 0.6
    assert step_bytes(_config(data__crop_vox=[224, 112, 80]), 1, 2) > 1.85 * full
    assert step_bytes(_config(network__width=8), 1, 2) < 0.6 * full


@pytest.mark.parametrize(("precision", "gib"), [("float32", 6.13), ("bfloat16", 4.1)])
def test_a_process_on_the_cpu_keeps_what_it_frees(precision: str, gib: float) -> None:
    """Peaks of processes that trained SimCVD with the preset `la` so."""
    assert step_bytes(_config(), 1, 2, precision, on_gpu=False) / 2**30 == pytest.approx(gib, rel=0.1)


def test_a_step_that_does_not_fit_is_told_with_what_to_lower() -> None:
    config = _config()
    needed = step_bytes(config, 1, 2)
    assert memory_notice(config, 1, 2, needed, "cuda:0") is None
    assert memory_notice(config, 1, 2, None, "cuda:0") is None
    told = memory_notice(config, 1, 2, 2 * 10**9, "cuda:0")
    assert told is not None
    assert told.startswith(
        "A step of simcvd with 4 crops of 112 x 112 x 80 voxels takes about 4.7 GB, and cuda:0 has 2.0"
    )
    assert "lower data.crop_vox" in told
    told = memory_notice(config, 1, 2, 2 * 10**9, None)
    assert told is not None
    assert "takes about 6.7 GB, and this machine has 2.0" in told
    # Another network takes another amount, which is not counted.
    assert memory_notice(_config(network__name="unet"), 1, 2, 2 * 10**9, "cuda:0") is None
