import threading
from pathlib import Path

import pytest
import torch

from simcvd.config import TrialConfig
from simcvd.methods.base import Method
from simcvd.methods.registry import create
from simcvd.training.checkpoint import CheckpointWriter, Progress, load_checkpoint


@pytest.fixture
def method(tiny_config: TrialConfig) -> Method:
    return create(tiny_config, 1, 3)


def test_a_checkpoint_is_of_the_step_it_was_asked_after_though_training_goes_on(
    method: Method, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    go_on = threading.Event()
    writer = CheckpointWriter(tmp_path / "last.pt", method, "identity")
    before = {name: value.clone() for name, value in method.networks.state_dict().items()}
    writer.save(Progress(7, 1.5), check=lambda: go_on.wait(10))
    with torch.no_grad():
        for parameter in method.networks.parameters():
            parameter.add_(1)
    assert not (tmp_path / "last.pt").exists()
    go_on.set()
    writer.finish()
    restored = create(tiny_config, 1, 3)
    assert load_checkpoint(tmp_path / "last.pt", restored, "identity") == Progress(7, 1.5)
    assert all(torch.equal(value, before[name]) for name, value in restored.networks.state_dict().items())


def test_a_checkpoint_that_fails_its_check_is_not_written_and_says_so_once(method: Method, tmp_path: Path) -> None:
    def check() -> None:
        raise ArithmeticError("no number")

    writer = CheckpointWriter(tmp_path / "last.pt", method, "identity")
    writer.save(Progress(1), check)
    with pytest.raises(ArithmeticError, match="no number"):
        writer.finish()
    assert list(tmp_path.iterdir()) == []
    writer.finish()
    writer.save(Progress(2))
    writer.finish()
    assert load_checkpoint(tmp_path / "last.pt", method, "identity").steps_done == 2


def test_one_that_can_not_be_written_is_told_before_the_next_one(method: Method, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    writer = CheckpointWriter(tmp_path / "file" / "last.pt", method, "identity")
    writer.save(Progress(1))
    with pytest.raises(OSError, match=r"file"):
        writer.save(Progress(2))
    writer.save(Progress(3))
    writer.abandon()  # raises nothing: another error is on its way
