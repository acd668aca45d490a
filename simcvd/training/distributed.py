"""What several workers of one trial do together; with one worker every function is the identity."""

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Part = TypeVar("Part")


def rank_and_workers() -> tuple[int, int]:
    """Return this worker's number and how many there are; (0, 1) outside a process group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


class _GatherRows(torch.autograd.Function):
    """All workers' rows, with the gradient of each row summed over all workers."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rank, workers = rank_and_workers()
        ctx.span = (rank * rows.shape[0], (rank + 1) * rows.shape[0])
        parts = [torch.empty_like(rows) for _ in range(workers)]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        first, last = ctx.span
        return gradient[first:last]


def gather_rows(rows: Tensor) -> Tensor:
    """Return the rows of all workers, `[N, F] -> [workers * N, F]`, this worker's at its rank; gradients flow back."""
    if rank_and_workers()[1] == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


def average_gradients(networks: nn.Module) -> None:
    """Replace every gradient by its mean over the workers, in one message."""
    _, workers = rank_and_workers()
    if workers == 1:
        return
    gradients = [p.grad for p in networks.parameters() if p.grad is not None]
    message = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(message)
    message /= workers
    offset = 0
    for gradient in gradients:
        gradient.copy_(message[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()


def mean_over_workers(values: Tensor) -> Tensor:
    """Return the mean of `values` over the workers."""
    _, workers = rank_and_workers()
    if workers == 1:
        return values
    total = values.clone()
    distributed.all_reduce(total)
    return total / workers


def any_worker(flag: bool, device: torch.device) -> bool:
    """Tell whether `flag` is true on any worker."""
    if rank_and_workers()[1] == 1:
        return flag
    raised = torch.tensor(float(flag), device=device)
    distributed.all_reduce(raised)
    return bool(raised.item() > 0)


def own_share(items: Iterable[Part]) -> list[Part]:
    """Return every n-th item, n the number of workers, starting at this worker's number."""
    rank, workers = rank_and_workers()
    return list(items)[rank::workers]


def join_shares(items: list[Part]) -> list[Part]:
    """Return the items of all workers, on every worker."""
    return [item for share in from_all(items) for item in share]


def from_all(word: Part) -> list[Part]:
    """Return what each worker says here, by its number; all of them wait for the last one."""
    _, workers = rank_and_workers()
    if workers == 1:
        return [word]
    words: list[Any] = [None] * workers
    distributed.all_gather_object(words, word)
    return words
