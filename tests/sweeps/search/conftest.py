from collections.abc import Callable
from typing import Any

import pytest

from simcvd.config import TrialConfig, load_preset
from sweeps.search.plan import SearchPlan
from sweeps.search.settings import Space, Strategy

MakePlan = Callable[..., SearchPlan]


@pytest.fixture
def make_plan() -> MakePlan:
    """Return a factory of searches over the weight of the SDM loss and the pooling size."""

    def make(base: TrialConfig | None = None, **strategy: Any) -> SearchPlan:
        space = {
            "loss.sdm": Space(loguniform=[0.01, 1.0]),
            "projection.pool_size": Space(choice=[16, 64]),
        }
        return SearchPlan("mine", base or load_preset("phantom"), "digest", space, Strategy(**strategy), "dice")

    return make
