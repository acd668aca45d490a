import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from simcvd.networks.batch_norm import BatchNorm3d

WORKERS = 2


def make_batch() -> tuple[Tensor, Tensor]:
    """Crops of unlike brightness far from 0, so that workers' own statistics differ and cancellation would show."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 3, 4, 2, generator=generator) * torch.tensor([1.0, 2, 3, 4]).view(4, 1, 1, 1, 1) + 50
    x += torch.arange(4.0).view(4, 1, 1, 1, 1)
    return x, torch.randn(x.shape, generator=generator)


def make_layer(kind: type[nn.BatchNorm3d], momentum: float | None = 0.1) -> nn.BatchNorm3d:
    layer = kind(3, momentum=momentum)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        layer.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    return layer


def run(layer: nn.BatchNorm3d, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    x = x.clone().requires_grad_()
    out = layer(x)
    (out.square() * target).sum().backward()
    assert x.grad is not None
    gradients = {"weight": layer.weight.grad, "bias": layer.bias.grad}
    found = {"out": out.detach(), "x": x.grad} | {k: v for k, v in gradients.items() if v is not None}
    return found | {name: buffer.clone() for name, buffer in layer.named_buffers()}


def work(rank: int, port: str, folder: Path) -> None:
    patience = timedelta(minutes=2)
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORKERS, timeout=patience
    )
    x, target = (part.chunk(WORKERS)[rank] for part in make_batch())
    found = {
        "default": run(make_layer(BatchNorm3d), x, target),
        "cumulative": run(make_layer(BatchNorm3d, None), x, target),
    }
    with torch.autocast("cpu", torch.bfloat16):
        found["bfloat16"] = run(make_layer(BatchNorm3d), (x - 50).bfloat16(), target)
    evaluated = make_layer(BatchNorm3d).eval()
    found["eval"] = {"out": evaluated(x).detach()}
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def by_workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    folder = tmp_path_factory.mktemp("workers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    other = subprocess.Popen([sys.executable, __file__, "1", str(port), str(folder)], env=environment)
    work(0, str(port), folder)
    assert other.wait(timeout=60) == 0
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORKERS)]


@pytest.mark.parametrize(("case", "momentum"), [("default", 0.1), ("cumulative", None)])
def test_two_workers_equal_one_with_the_joined_batch(
    by_workers: list[dict[str, dict[str, Tensor]]], case: str, momentum: float | None
) -> None:
    expected = run(make_layer(nn.BatchNorm3d, momentum), *make_batch())
    parts = [found[case] for found in by_workers]

    for name in ("out", "x"):
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), expected[name], rtol=1e-4, atol=1e-4)
    for name in ("weight", "bias"):
        torch.testing.assert_close(sum(part[name] for part in parts), expected[name], rtol=1e-4, atol=1e-3)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        for part in parts:
            torch.testing.assert_close(part[name], expected[name])


def test_bfloat16_batches_have_float32_statistics(by_workers: list[dict[str, dict[str, Tensor]]]) -> None:
    x, target = make_batch()
    expected = run(make_layer(nn.BatchNorm3d), (x - 50).bfloat16().float(), target)
    parts = [found["bfloat16"] for found in by_workers]

    torch.testing.assert_close(parts[0]["running_var"], expected["running_var"], rtol=1e-5, atol=1e-5)
    assert parts[0]["out"].dtype == torch.bfloat16
    found = torch.cat([part["out"] for part in parts]).float()
    assert (found - expected["out"]).norm() / expected["out"].norm() < 0.005


def test_eval_mode_does_not_communicate(by_workers: list[dict[str, dict[str, Tensor]]]) -> None:
    x, _ = make_batch()

    torch.testing.assert_close(by_workers[1]["eval"]["out"], make_layer(nn.BatchNorm3d).eval()(x.chunk(2)[1]).detach())


def test_one_worker_is_torchs_own() -> None:
    found, expected = (run(make_layer(kind), *make_batch()) for kind in (BatchNorm3d, nn.BatchNorm3d))

    assert all(torch.equal(found[name], expected[name]) for name in expected)


if __name__ == "__main__":
    work(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
