import os

import pytest

from simcvd.visible_gpus import hide_gpus


def test_hidden_gpus_are_hidden_from_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    hide_gpus()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
