from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from simcvd.gpu_memory import CONTEXT_BYTES, allowed_fraction, free_bytes, limit_memory

GIB = 2**30


class _Gpus:
    """Two GPUs of 80 GiB whose allocator notes its limits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.limits: list[tuple[float, Any]] = []
        self.free, self.reserved = 70 * GIB, 0
        replacements = {
            "is_available": lambda: True,
            "current_device": lambda: 1,
            "get_device_properties": lambda index: SimpleNamespace(total_memory=80 * GIB),
            "set_per_process_memory_fraction": lambda fraction, device: self.limits.append((fraction, device)),
            "mem_get_info": lambda device: (self.free, 80 * GIB),
            "memory_reserved": lambda device: self.reserved,
        }
        for name, replacement in replacements.items():
            monkeypatch.setattr(torch.cuda, name, replacement)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Gpus]:
    yield _Gpus(monkeypatch)
    for device in ("cuda:0", "cuda:1"):
        limit_memory(1.0, device)


def test_all_shares_of_a_gpu_and_their_contexts_fit_into_it() -> None:
    for share, total in ((0.5, 80 * GIB), (0.25, 24 * GIB), (0.2, 141 * GIB), (1 / 3, 16 * GIB)):
        processes = int(1 / share + 1e-9)
        assert processes * (allowed_fraction(share, total) * total + CONTEXT_BYTES) <= total * (1 + 1e-9)


def test_a_share_of_a_small_gpu_keeps_half_of_itself() -> None:
    assert allowed_fraction(0.125, 8 * GIB) == 0.0625


def test_a_share_is_a_limit_of_its_device_and_a_whole_gpu_takes_it_away(gpus: _Gpus) -> None:
    limit_memory(0.25, "cuda:0")
    limit_memory(0.5, "cuda")  # the current one
    limit_memory(1.0, "cuda:0")
    assert gpus.limits == [(0.25 - 0.75 / 80, 0), (0.5 - 0.75 / 80, 1), (1.0, 0)]


def test_without_a_gpu_nothing_is_limited(gpus: _Gpus, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(0.5, "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    limit_memory(0.5, "cuda")
    assert gpus.limits == []


def test_free_is_what_the_gpu_and_the_share_leave(gpus: _Gpus) -> None:
    device = torch.device("cuda", 0)
    assert free_bytes(device) == 70 * GIB
    limit_memory(0.25, "cuda:0")
    limit = 20 * GIB - CONTEXT_BYTES
    assert free_bytes(device) == limit
    gpus.reserved = 4 * GIB
    assert free_bytes(device) == limit - 4 * GIB
    gpus.free = GIB
    assert free_bytes(device) == GIB
    gpus.free, gpus.reserved = 70 * GIB, 30 * GIB
    assert free_bytes(device) == 0
    assert free_bytes(torch.device("cuda", 1)) == 70 * GIB
    limit_memory(1.0, "cuda:0")
    assert free_bytes(device) == 70 * GIB
