"""Check of a method on two workers (gloo), each with half of the batch, against one with all of it.

All in float64: batch norm of few voxels enlarges the last bits of a sum a thousandfold in each step, which in float32
would hide a fault or look like one.
"""

import math
import multiprocessing
import pickle
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from torch import Tensor, distributed

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.registry import create
from simcvd.plugin.checks.check import CheckError, MakeConfig, expect, told
from simcvd.plugin.sample import tiny_batch
from simcvd.training.distributed import average_gradients, gather_rows, mean_over_workers, rank_and_workers

WORKER_STEPS: Final = (0, 1, 5, 9)
_MOST_S: Final = 300.0

Losses = dict[str, list[dict[str, float]]]
"""Each step's terms, by the method's name."""


def check_two_workers(name: str, make_config: MakeConfig) -> None:
    """Train a few steps alone and on two workers."""
    configs = {name: make_config({})}
    compare_losses(train_alone(configs)[name], train_on_two(configs)[name])


def compare_losses(alone: list[dict[str, float]], shared: list[dict[str, float]]) -> None:
    """Refuse losses of two workers that are not those of one, up to the order of summation.

    A step's gradients show in the losses of the next.

    Raises:
        CheckError: a term differs.
    """
    for step, one, two in zip(WORKER_STEPS, alone, shared, strict=True):
        expect(
            one.keys() == two.keys(),
            f"two workers have the terms {', '.join(two)} at step {step}, one has {', '.join(one)}: expected the same",
        )
        for term, value in one.items():
            expect(
                math.isclose(value, two[term], rel_tol=1e-6, abs_tol=1e-9),
                f"the term '{term}' at step {step} is {value:.9g} on one worker and {two[term]:.9g} on two: expected "
                "the same; draw random numbers with `draws.normal` or `draws.uniform`, join with `gather` what is no "
                "mean over crops, and fix no dtype",
            )


def train_alone(configs: Mapping[str, TrialConfig]) -> Losses:
    """Train each method for `WORKER_STEPS` in this process."""
    return _train(configs)


def train_on_two(configs: Mapping[str, TrialConfig]) -> Losses:
    """Train each method for `WORKER_STEPS` in two processes that share each batch; return the means of their losses.

    Raises:
        CheckError: a worker failed, or did not end.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    with TemporaryDirectory(prefix="simcvd-check-") as folder:
        out = Path(folder) / "losses.pt"
        given = pickle.dumps(dict(configs))  # once for both; settings bring their plug-ins along
        workers = [context.Process(target=_work, args=(rank, port, given, out, failures)) for rank in range(2)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join(_MOST_S)
            if not failures.empty():
                raise CheckError(f"one of two workers failed: {failures.get()}")
            codes = [worker.exitcode for worker in workers]
            if codes != [0, 0]:
                ended = ", ".join("without end" if code is None else f"exit code {code}" for code in codes)
                raise CheckError(f"the two workers did not end as they should ({ended}): do both take the same steps?")
        finally:
            for worker in workers:
                worker.kill()
        losses: Losses = torch.load(out, weights_only=True)
    return losses


def _work(rank: int, port: int, given: bytes, out: Path, failures: "SimpleQueue[str]") -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    try:
        losses = _train(pickle.loads(given))
    except Exception as error:  # whatever the author's code raises; the other worker may fail because of it
        failures.put(told(error))
        return
    if rank == 0:
        torch.save(losses, out)
    distributed.destroy_process_group()


def _train(configs: Mapping[str, TrialConfig]) -> Losses:
    """Train as the loop does; return each step's terms, their mean over the workers."""
    rank, workers = rank_and_workers()
    batches = {step: _batch(step) for step in WORKER_STEPS}
    losses: Losses = {name: [] for name in configs}
    with _double():
        for name, config in configs.items():
            method = create(config, 1, 2, gather_rows)
            for step, batch in batches.items():
                method.before_step(step)
                draws = Draws(config.seed, step, torch.device("cpu"), rank, workers)
                terms = method.terms(_share(batch, rank, workers), step, draws)
                torch.stack([term.weight * term.value for term in terms]).sum().backward()  # type: ignore[no-untyped-call]
                average_gradients(method.networks)
                for optimiser in method.stepping(step):
                    optimiser.step()
                method.networks.zero_grad()
                method.after_step(step)
                losses[name].append({term.name: float(mean_over_workers(term.value.detach())) for term in terms})
    return losses


def _batch(step: int) -> Batch:
    """Return a step's crops; in odd steps some voxels count nowhere, of one worker's crops more of them."""
    whole = tiny_batch(step=step)
    if step % 2 == 0:
        return whole
    counted = torch.rand(whole.label.shape, generator=torch.Generator().manual_seed(0)) < 0.7
    counted[0, :20] = False
    return replace(whole, counted=counted)


def _share(batch: Batch, rank: int, workers: int) -> Batch:
    def own(tensor: Tensor) -> Tensor:
        size = len(tensor) // workers
        share = tensor[rank * size : (rank + 1) * size]
        return share.double() if share.is_floating_point() else share

    found = {field.name: getattr(batch, field.name) for field in fields(Batch)}
    return replace(batch, **{name: own(tensor) for name, tensor in found.items() if tensor is not None})


@contextmanager
def _double() -> Iterator[None]:
    """Compute in float64 what is computed in float32."""
    float32 = Tensor.float
    Tensor.float = Tensor.double  # type: ignore[method-assign]
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        Tensor.float = float32  # type: ignore[method-assign]
        torch.set_default_dtype(torch.float32)
