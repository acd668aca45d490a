import pytest
import torch

from simcvd.data.batch import send
from tests.pretend_gpu import pretended


def test_crops_are_sent_to_a_gpu_without_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    here = torch.arange(3.0)
    with pretended(monkeypatch, devices=2) as gpu:
        there = send(here, torch.device("cuda", 1))
        assert there.device == torch.device("cuda", 1)
        assert send(there, torch.device("cuda", 1)) is there
        assert gpu.waits == []
        assert there.tolist() == [0, 1, 2]


def test_on_the_cpu_nothing_is_copied() -> None:
    here = torch.arange(3.0)
    assert send(here, torch.device("cpu")) is here
