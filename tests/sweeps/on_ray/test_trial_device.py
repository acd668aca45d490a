import os

import pytest
import torch

from sweeps.on_ray import trial_device as module
from sweeps.on_ray.trial_device import free_memory, trial_device
from sweeps.resources.share import Placement
from sweeps.trial.gpu_error import GpuError, fault_of
from sweeps.trial.terms import Device


def test_a_trial_without_a_gpu_computes_on_the_cpu_and_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert trial_device(Placement(), "float32") == Device("cpu", "float32", 1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert trial_device(Placement(2, 3)) == Device("cpu", None, 3)


def test_a_trial_with_a_gpu_gets_it_with_the_share_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    limits: list[tuple[float, str]] = []
    monkeypatch.setattr(module, "limit_memory", lambda share, device: limits.append((share, device)))
    assert [trial_device(Placement(gpus=gpus)).name for gpus in (0.5, 1.0)] == ["cuda", "cuda"]
    assert limits == [(0.5, "cuda"), (1.0, "cuda")]


def test_a_worker_of_a_group_gets_the_gpu_that_ray_chose_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray.train.torch

    current: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(ray.train.torch, "get_device", lambda: torch.device("cuda", 3))
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(module, "limit_memory", lambda share, device: current.append(f"limit of {device}"))
    assert trial_device(Placement(2, gpus=1.0)).name == "cuda:3"
    assert current == ["cuda:3", "limit of cuda:3"]


def test_a_gpu_of_ray_s_that_torch_does_not_find_is_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.9")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GpuError, match="failed: no CUDA-capable device is detected") as caught:
        trial_device(Placement(gpus=1.0))
    fault = fault_of(caught.value)
    assert fault is not None
    assert not fault.of_trial


def test_what_is_left_of_a_broken_gpu_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def broken() -> None:
        asked.append("empty")
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "empty_cache", broken)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    free_memory()
    assert asked == []  # no GPU was used
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    free_memory()
    assert asked == ["empty"]
