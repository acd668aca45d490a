"""What runs on another node than this one, in a real Ray of this machine."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sweeps.on_ray.workers import on_other_node
from sweeps.resources.share import Placement

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

ELSEWHERE = "f" * 56
"""The id of a node that is not there."""


@pytest.fixture(scope="module")
def here() -> Iterator[str]:
    """A Ray of this machine; its node's id."""
    import ray

    from sweeps.resources.ray_session import ray_session

    with ray_session(None):
        yield str(ray.get_runtime_context().get_node_id())


def _run(work: Callable[[], Any], avoid: set[str], asked: Callable[[], bool] = lambda: False) -> Any:
    return on_other_node(work, Placement(), avoid, asked)


def test_it_runs_in_a_new_process_each_time(here: str) -> None:
    first, second = (_run(lambda: os.getpid(), {ELSEWHERE}) for _ in range(2))
    assert len({first, second, os.getpid()}) == 3


def test_it_waits_where_the_other_nodes_have_no_place_until_it_is_asked_to_stop(here: str) -> None:
    until = time.monotonic() + 3
    ran = _run(lambda: os.getpid(), {here, ELSEWHERE}, asked=lambda: time.monotonic() > until)
    assert ran is None
    assert time.monotonic() > until


def test_its_error_is_raised_as_it_is(here: str) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        _run(fail, {ELSEWHERE})


def test_it_takes_no_place_of_the_trial_that_waits_for_it(here: str) -> None:
    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    avoid = {ELSEWHERE}
    place = placement_group([{"CPU": 1}])
    strategy = PlacementGroupSchedulingStrategy(place, 0, placement_group_capture_child_tasks=True)

    @ray.remote(num_cpus=1, scheduling_strategy=strategy)
    def as_tune_runs_it() -> int:
        from sweeps.on_ray.workers import on_other_node
        from sweeps.resources.share import Placement

        answer = on_other_node(lambda: 7, Placement(), avoid, lambda: False)
        assert answer is not None
        return answer

    assert ray.get(as_tune_runs_it.remote(), timeout=120) == 7
