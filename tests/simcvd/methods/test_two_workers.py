"""Every method on two workers (gloo) against one with the same batch in all: part of the conformance suite."""

from collections.abc import Callable

import pytest

from simcvd.config import TrialConfig
from simcvd.methods.registry import METHODS
from simcvd.plugin.checks.two_workers import WORKER_STEPS, Losses, compare_losses, train_alone, train_on_two

AFTER = {f"{name}, discriminator after": name for name in ("dan", "sassnet")}
"""Methods with a second network that steps by itself."""
READINGS = {"simcvd.negatives": "all", "simcvd.teacher_view": "turn", "simcvd.shared_head": True, "contrast.rows": 9}
"""Other readings of SimCVD's gaps: what is drawn and gathered must be the same for any number of workers."""
every_method = pytest.mark.parametrize("name", [*METHODS, *AFTER, "simcvd, other readings"])


@pytest.fixture(scope="module")
def configs(make_config: Callable[..., TrialConfig]) -> dict[str, TrialConfig]:
    after = {key: make_config({f"{name}.discriminator_after": True}, method=name) for key, name in AFTER.items()}
    readings = {"simcvd, other readings": make_config(READINGS)}
    return {name: make_config(method=name) for name in METHODS} | after | readings


@pytest.fixture(scope="module")
def one(configs: dict[str, TrialConfig]) -> Losses:
    return train_alone(configs)


@pytest.fixture(scope="module")
def two(configs: dict[str, TrialConfig]) -> Losses:
    """All methods in one pair of processes: their start takes longer than a method."""
    return train_on_two(configs)


@pytest.mark.slow
@every_method
def test_two_workers_compute_the_losses_of_one(name: str, one: Losses, two: Losses) -> None:
    assert len(one[name]) == len(two[name]) == len(WORKER_STEPS)
    compare_losses(one[name], two[name])
