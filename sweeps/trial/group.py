"""What the workers of one trial tell each other; torch is imported where it is used."""

from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def rank_and_workers() -> tuple[int, int]:
    """Return this worker's number and how many there are; (0, 1) outside a process group."""
    from simcvd.training import distributed

    return distributed.rank_and_workers()


def from_first(ask: Callable[[], Answer | None]) -> Answer | None:
    """Let the first worker ask; every worker gets its answer, or raises what it raised."""
    rank, workers = rank_and_workers()
    answer: Answer | None = None
    error: Exception | None = None
    if rank == 0:
        try:
            answer = ask()
        except Exception as raised:
            error = raised
    if workers > 1:
        from torch import distributed

        shared = [(answer, error)]
        distributed.broadcast_object_list(shared, src=0)
        answer, error = shared[0]
    if error is not None:
        raise error
    return answer


def from_all(word: Answer) -> list[Answer]:
    """Return what each worker says here, by its number; all of them wait for the last one."""
    from simcvd.training import distributed

    return distributed.from_all(word)
