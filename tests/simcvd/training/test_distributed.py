"""Two workers through gloo against one, with the same batch in all."""

import multiprocessing
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed

from simcvd.config import TrialConfig, apply_settings
from simcvd.errors import UserError
from simcvd.training.distributed import gather_rows
from simcvd.training.run import run_training


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _join(rank: int, port: int) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2, timeout=timedelta(minutes=2)
    )


def _train(rank: int, port: int, config: TrialConfig, dataset: Path, trial: Path) -> None:
    _join(rank, port)
    run_training(config, dataset, trial, device="cpu", threads=1)
    distributed.destroy_process_group()


def _gather(rank: int, port: int, out: Path) -> None:
    _join(rank, port)
    rows = torch.tensor([[float(rank + 1)]], requires_grad=True)
    # Each worker's loss weighs row r of the gathered rows by (r + 1) * (rank + 1).
    loss = (gather_rows(rows) * torch.tensor([[1.0], [2.0]]) * (rank + 1)).sum()
    loss.backward()
    torch.save((gather_rows(rows).detach(), rows.grad), out / f"{rank}.pt")
    distributed.destroy_process_group()


def _run_two(target: Callable[..., None], *arguments: object) -> None:
    """Run the first worker here and the second in a process of its own."""
    port, threads = _free_port(), torch.get_num_threads()
    other = multiprocessing.get_context("spawn").Process(target=target, args=(1, port, *arguments))
    other.start()
    try:
        target(0, port, *arguments)
    finally:
        torch.set_num_threads(threads)
        other.join(timeout=120)
    assert other.exitcode == 0


def test_gathered_rows_carry_the_gradient_of_every_worker(tmp_path: Path) -> None:
    """Row r gets (r + 1) * (1 + 2): the sum over both workers' losses."""
    _run_two(_gather, tmp_path)
    for rank in range(2):
        rows, gradient = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert rows.flatten().tolist() == [1, 2]
        assert gradient.item() == (rank + 1) * 3


@pytest.mark.slow
def test_two_workers_train_like_one_with_the_same_batch(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    # In bfloat16, which `auto` chooses on some processors, the order of summation changes third digits.
    changes = {"training.steps": 3, "training.gradient_norms_every_steps": None, "training.precision": "float32"}
    config = apply_settings(tiny_config, changes)
    run_training(config, tiny_dataset, tmp_path / "one", device="cpu", threads=1)
    _run_two(_train, config, tiny_dataset, tmp_path / "two")
    one, two = (load_file(tmp_path / name / "student.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(
            two[name], value, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_batch_that_workers_cannot_share_is_refused(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcvd.training.run.rank_and_workers", lambda: (0, 3))
    with pytest.raises(UserError, match=r"training\.batch_labeled is 2, which 3 workers can't share"):
        run_training(tiny_config, tiny_dataset, tmp_path, device="cpu", threads=1)
