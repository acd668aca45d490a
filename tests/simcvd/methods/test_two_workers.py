"""Every method on two workers (gloo) against one with the same batch in all: part of the conformance suite.

All in float64: batch norm of few voxels enlarges the last bits of a sum a thousandfold in each step, which in float32
would hide a fault or look like one.
"""

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.registry import METHODS, create
from simcvd.training.distributed import average_gradients, gather_rows, mean_over_workers, rank_and_workers

STEPS = (0, 1, 5, 9)
Losses = dict[str, list[dict[str, float]]]
every_method = pytest.mark.parametrize("name", list(METHODS))


@contextmanager
def _double() -> Iterator[None]:
    """Compute in float64 what is computed in float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "float", Tensor.double)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def _share(batch: Batch, rank: int, workers: int) -> Batch:
    def own(tensor: Tensor | None) -> Tensor | None:
        if tensor is None:
            return None
        size = len(tensor) // workers
        share = tensor[rank * size : (rank + 1) * size]
        return share.double() if share.is_floating_point() else share

    return Batch(**{field.name: own(getattr(batch, field.name)) for field in fields(Batch)})


@_double()
def _train(configs: dict[str, TrialConfig], batches: dict[int, Batch]) -> Losses:
    """Train every method for a few steps as the loop does; return each step's terms, their mean over the workers."""
    rank, workers = rank_and_workers()
    losses: Losses = {}
    for name, config in configs.items():
        method = create(config, 1, 2, gather_rows)
        losses[name] = []
        for step, batch in batches.items():
            method.before_step(step)
            draws = Draws(config.seed, step, torch.device("cpu"), rank, workers)
            terms = method.terms(_share(batch, rank, workers), step, draws)
            torch.stack([term.weight * term.value for term in terms]).sum().backward()
            average_gradients(method.networks)
            for optimiser in method.stepping(step):
                optimiser.step()
            method.networks.zero_grad()
            method.after_step(step)
            losses[name].append({term.name: float(mean_over_workers(term.value.detach())) for term in terms})
    return losses


def _work(rank: int, port: int, configs: dict[str, TrialConfig], batches: dict[int, Batch], out: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    losses = _train(configs, batches)
    if rank == 0:
        torch.save(losses, out)
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def configs(make_config: Callable[..., TrialConfig]) -> dict[str, TrialConfig]:
    return {name: make_config(method=name) for name in METHODS}


@pytest.fixture(scope="module")
def batches(make_batch: Callable[..., Batch]) -> dict[int, Batch]:
    """Return each step's crops; in every second step some voxels count nowhere, of one worker's crops more of them."""
    whole = {step: make_batch(step=step) for step in STEPS}
    counted = torch.rand(whole[0].label.shape, generator=torch.Generator().manual_seed(0)) < 0.7
    counted[0, :20] = False
    return {step: batch if step % 2 == 0 else replace(batch, counted=counted) for step, batch in whole.items()}


@pytest.fixture(scope="module")
def one(configs: dict[str, TrialConfig], batches: dict[int, Batch]) -> Losses:
    return _train(configs, batches)


@pytest.fixture(scope="module")
def two(configs: dict[str, TrialConfig], batches: dict[int, Batch], tmp_path_factory: pytest.TempPathFactory) -> Losses:
    out = tmp_path_factory.mktemp("two") / "losses.pt"
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(rank, port, configs, batches, out)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=300)
    assert [worker.exitcode for worker in workers] == [0, 0]
    losses: Losses = torch.load(out, weights_only=True)
    return losses


@pytest.mark.slow
@every_method
def test_two_workers_compute_the_losses_of_one(name: str, one: Losses, two: Losses) -> None:
    """Up to the order of summation; a step's gradients show in the losses of the next."""
    assert len(one[name]) == len(STEPS)
    for step, alone, shared in zip(STEPS, one[name], two[name], strict=True):
        assert shared == pytest.approx(alone, rel=1e-6, abs=1e-9), step
