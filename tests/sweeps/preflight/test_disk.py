from pathlib import Path

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from simcvd.data.store import open_info
from simcvd.errors import UserError
from simcvd.methods.registry import METHODS, create
from simcvd.training.checkpoint import CheckpointWriter, Progress
from sweeps.preflight.disk import disk_need, judge_disk, state_bytes

PHANTOM = load_preset("phantom")
SMALL = {"dan.discriminator_width": 4, "sassnet.discriminator_width": 4}


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_is_as_large_as_foretold(method: str, tmp_path: Path) -> None:
    config = apply_settings(PHANTOM, {"method": method, "network.width": 4, "projection.pool_size": 16} | SMALL)
    made = create(config, 1, 2)
    for optimiser in made.optimisers.values():
        for weight in (weight for group in optimiser.param_groups for weight in group["params"]):
            weight.grad = torch.zeros_like(weight)
        optimiser.step()
    writer = CheckpointWriter(tmp_path / "last.pt", made, "")
    writer.save(Progress())
    writer.finish()
    assert (tmp_path / "last.pt").stat().st_size == pytest.approx(state_bytes(config, 1, 2)[0], rel=0.05)


def test_the_disk_needed_grows_with_trials_and_those_side_by_side(data: Path) -> None:
    info = open_info(data)
    checkpoint, student = state_bytes(PHANTOM, 1, 2)
    needs = [disk_need([PHANTOM] * trials, info, slots, with_test=True) for trials, slots in ((1, 4), (8, 4), (8, 8))]
    assert [need.running for need in needs] == [3 * checkpoint, 12 * checkpoint, 24 * checkpoint]
    assert needs[1].kept == needs[2].kept == 8 * needs[0].kept > 8 * student
    search = disk_need([PHANTOM], info, 1, with_test=False)
    assert search.kept > 2 * checkpoint + student  # a trial that is stopped keeps its last two
    judge_disk(data, needs[0], needs[0].total)
    with pytest.raises(UserError, match="are needed"):
        judge_disk(data, needs[0], needs[0].total - 1)


def test_methods_of_other_size_are_counted_each_for_itself(data: Path) -> None:
    small, large = (apply_settings(PHANTOM, {"method": method}) for method in ("supervised", "cps"))
    sizes = [state_bytes(config, 1, 2)[0] for config in (small, large)]
    assert disk_need([small, large], open_info(data), 1, with_test=True).running == 3 * max(sizes)
    assert disk_need([small, large], open_info(data), 2, with_test=True).running == 3 * sum(sizes)
