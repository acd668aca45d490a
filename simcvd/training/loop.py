"""The algorithm: draw a batch, loss terms, backward, step, teacher, report."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from simcvd.data.batch import Batch
from simcvd.data.loading import Prefetcher
from simcvd.draws import Draws
from simcvd.methods.base import Method, Term
from simcvd.training.distributed import average_gradients, rank_and_workers
from simcvd.training.report import StepReport

AfterStep = Callable[[StepReport], None]


class NotFiniteError(Exception):
    """A loss term is NaN or infinite; the message names term and step."""


def train_steps(
    method: Method,
    load: Callable[[int], Batch],
    steps: range,
    *,
    seed: int,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
    measure_gradients: Callable[[int], bool],
    after_step: AfterStep,
) -> None:
    """Train for `steps`.

    Args:
        method: what is trained.
        load: returns this worker's crops of a step.
        steps: the steps to do, the first being where a checkpoint ended.
        seed: the trial's seed.
        device: where training runs.
        autocast: context of the arithmetic.
        measure_gradients: whether to measure each term's gradient norm at a step.
        after_step: is told of each finished step; it reports, validates, saves, and may raise to stop.

    Raises:
        NotFiniteError: a loss term is NaN or infinite.
    """
    rank, workers = rank_and_workers()
    with Prefetcher(load, steps) as batches:
        for step, batch in batches:
            draws = Draws(seed, step, device, rank, workers)
            method.before_step(step)

            with autocast():
                terms = method.terms(batch, step, draws)
            norms = gradient_norms(terms, method) if measure_gradients(step) else None

            loss = torch.stack([term.weight * term.value for term in terms]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            average_gradients(method.networks)
            for optimiser in method.stepping(step):
                optimiser.step()
            method.networks.zero_grad(set_to_none=True)

            method.after_step(step)
            after_step(StepReport.of(step, terms, norms, method.diagnostics))


def gradient_norms(terms: list[Term], method: Method) -> dict[str, Tensor]:
    """Return each term's weighted gradient norm, `|weight * d value / d parameters|`, over all trained parameters."""
    parameters = [p for p in method.networks.parameters() if p.requires_grad]
    norms = {}
    for term in terms:
        gradients = torch.autograd.grad(term.weight * term.value, parameters, retain_graph=True, allow_unused=True)
        squares = [gradient.float().square().sum() for gradient in gradients if gradient is not None]
        norms[term.name] = torch.stack(squares).sum().sqrt()
    return norms


def check_finite(step: int, terms: dict[str, float]) -> None:
    """Stop a trial whose loss is no number.

    Raises:
        NotFiniteError: with the term and the step.
    """
    for name, value in terms.items():
        if not value - value == 0:
            raise NotFiniteError(
                f"The loss term {name} is {value} at step {step}; a lower training.learning_rate may help."
            )
