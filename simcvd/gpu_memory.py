"""How much of a GPU's memory this process may take, where several processes share the GPU."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

CONTEXT_BYTES: Final = 768 * 2**20
"""What a process takes of a GPU past torch's allocator, which no limit counts: its CUDA context, the kernels of torch,
cuDNN and cuBLAS that are loaded as they are used, and what cuBLAS and cuDNN keep for themselves. Between 0.3 and 0.7 GB
are usual; what is too little here is taken from the neighbour, what is too much lies idle."""

_limits: dict[int, int] = {}
"""Bytes that this process may take, by number of the device; torch tells no limit back before 2.7 or so."""


def limit_memory(share: float, device: str) -> None:
    """Let this process allocate its share of a GPU and no more, so that its growth is its own failure alone.

    To be called before anything is allocated. A whole GPU has no limit, also where this process had one before.

    Args:
        share: the part of the GPU that is this process's; 1 or more is a whole one.
        device: `cpu`, `cuda` or `cuda:N`; on the CPU, or where there is no such device, nothing is limited.
    """
    import torch

    place = torch.device(device)
    if place.type != "cuda" or not torch.cuda.is_available():
        return
    index = torch.cuda.current_device() if place.index is None else place.index
    if share >= 1:
        torch.cuda.set_per_process_memory_fraction(1.0, index)
        _limits.pop(index, None)
        return
    total = torch.cuda.get_device_properties(index).total_memory
    fraction = allowed_fraction(share, total)
    torch.cuda.set_per_process_memory_fraction(fraction, index)
    _limits[index] = int(fraction * total)


def allowed_fraction(share: float, total_bytes: int) -> float:
    """Return the fraction of a GPU that torch's allocator may take, of a share that holds a CUDA context too.

    At least half of the share: on a small GPU in many parts, contexts leave little, and trying shows whether it does.

    >>> allowed_fraction(0.5, 16 * 768 * 2**20)
    0.4375
    """
    return max(share - CONTEXT_BYTES / total_bytes, share / 2)


def free_bytes(device: "torch.device") -> int:
    """Return how much of a GPU's memory is free for this process: of the GPU, and of its share where it has one."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    limit = _limits.get(torch.cuda.current_device() if device.index is None else device.index)
    return int(free) if limit is None else max(0, min(int(free), limit - torch.cuda.memory_reserved(device)))
