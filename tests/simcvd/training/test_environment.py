from pathlib import Path

import pytest
import torch

from simcvd.errors import UserError
from simcvd.training import environment
from simcvd.training.environment import choose_device, describe_environment, driver_version
from tests.pretend_gpu import pretended


def test_a_gpu_has_its_number_and_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended(monkeypatch, devices=2) as gpu:
        for wanted, expected in (("auto", 0), ("cuda:1", 1), ("cuda", 0)):
            assert choose_device(wanted) == torch.device("cuda", expected)
            assert gpu.current == expected
        with pytest.raises(UserError, match=r"'cuda:2' was asked for, but this machine shows 2 CUDA devices\."):
            choose_device("cuda:2")


def test_float32_is_float32_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with pretended(monkeypatch):
            described = describe_environment(choose_device("cuda"), "float32", 1)
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert described["tf32"] is False
        assert {"cudnn", "driver", "cuda"} <= described.keys()
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def test_a_gpu_that_can_not_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(index: int) -> None:
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nCUDA kernel errors might be")

    with pretended(monkeypatch):
        monkeypatch.setattr(torch.cuda, "set_device", fail)
        with pytest.raises(UserError, match=r"^The device 'cuda' can't be used: CUDA error: .* or unavailable\.$"):
            choose_device("cuda")


def test_the_cpu_is_chosen_without_a_look_at_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object) -> int:
        raise AssertionError("looked for GPUs")

    for name in ("is_available", "device_count", "current_device", "set_device"):
        monkeypatch.setattr(torch.cuda, name, look)
    assert choose_device("cpu") == torch.device("cpu")


def test_the_driver_is_read_from_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "version"
    monkeypatch.setattr(environment, "Path", lambda path: file)
    assert driver_version() is None
    file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (builder)\n")
    assert driver_version() == "580.65.06"
