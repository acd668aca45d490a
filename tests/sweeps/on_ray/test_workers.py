from pathlib import Path
from typing import Any

import pytest

from sweeps.on_ray.workers import room_without, torch_trainer
from sweeps.resources.share import Placement

NODES = [
    {"NodeID": "a", "Alive": True, "Resources": {"CPU": 4.0, "GPU": 2.0}},
    {"NodeID": "b", "Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}},
    {"NodeID": "c", "Alive": True, "Resources": {"CPU": 4.0}},
    {"NodeID": "d", "Alive": False, "Resources": {"CPU": 4.0, "GPU": 8.0}},
]


@pytest.mark.parametrize(
    ("avoid", "workers", "gpus", "fits"),
    [
        ({"a"}, 1, 1.0, True),
        ({"a", "b"}, 1, 1.0, False),  # the third has none, and must not be computed on instead
        ({"a", "b"}, 1, 0.0, True),
        ({"b"}, 2, 1.0, True),
        ({"a"}, 2, 1.0, False),
        ({"a"}, 2, 0.5, True),
    ],
)
def test_room_is_what_the_other_living_nodes_have(
    monkeypatch: pytest.MonkeyPatch, avoid: set[str], workers: int, gpus: float, fits: bool
) -> None:
    import ray

    monkeypatch.setattr(ray, "nodes", lambda: NODES)
    assert room_without(avoid, Placement(workers=workers, gpus=gpus)) is fits


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_group_avoids_nodes_by_a_label_and_a_single_worker_stays_in_this_process(tmp_path: Path) -> None:
    def trainer(workers: int, avoid: set[str]) -> Any:
        return torch_trainer(lambda: None, "t", tmp_path, Placement(workers=workers), avoid)

    assert trainer(2, {"b", "a"}).scaling_config.label_selector == {"ray.io/node-id": "!in(a,b)"}
    assert trainer(2, set()).scaling_config.label_selector is None
    assert trainer(1, {"a"}).scaling_config.num_workers == 0
