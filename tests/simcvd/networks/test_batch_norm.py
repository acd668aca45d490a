import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.profiler import profile

from simcvd.networks.batch_norm import BatchNorm3d

WORKERS = 2
LAST = torch.channels_last_3d


def make_batch() -> tuple[Tensor, Tensor]:
    """Crops of unlike brightness far from 0, so that workers' own statistics differ and cancellation would show."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 3, 4, 2, generator=generator) * torch.tensor([1.0, 2, 3, 4]).view(4, 1, 1, 1, 1) + 50
    x += torch.arange(4.0).view(4, 1, 1, 1, 1)
    return x, torch.randn(x.shape, generator=generator)


def make_layer(kind: type[nn.BatchNorm3d], momentum: float | None = 0.1, device: str = "cpu") -> nn.BatchNorm3d:
    layer = kind(3, momentum=momentum, device=device)
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


@contextmanager
def standing_in() -> Iterator[None]:
    """Let tensors of the CPU go the way of CUDA's, and stand in there for what torch has for CUDA alone.

    The stand-ins follow the definition: only how we call them is at issue here.
    """
    dims, shape = (0, 2, 3, 4), (1, -1, 1, 1, 1)

    def stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(x.double(), dims, correction=0)
        return mean.float(), (variance + eps).rsqrt().float()

    def gather(
        x: Tensor,
        means: Tensor,
        inverse_sds: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
        counts: Tensor,
    ) -> tuple[Tensor, Tensor]:
        shares = (counts.double() / counts.sum()).view(-1, 1)
        mean = (shares * means).sum(0)
        variance = (shares * (inverse_sds.double() ** -2 - eps + means.double() ** 2)).sum(0) - mean**2
        running_mean.lerp_(mean.float(), momentum)
        running_var.lerp_((variance * counts.sum() / (counts.sum() - 1)).float(), momentum)
        return mean.float(), (variance + eps).rsqrt().float()

    def elemt(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse_sd: Tensor, eps: float) -> Tensor:
        return torch.nn.functional.batch_norm(x, mean, inverse_sd**-2 - eps, weight, bias, eps=eps)

    def reduce(dy: Tensor, x: Tensor, mean: Tensor, inverse_sd: Tensor, weight: Tensor, *_: bool) -> list[Tensor]:
        total, dot = dy.double().sum(dims), (dy.double() * (x.double() - mean.view(shape))).sum(dims)
        return [part.float() for part in (total, dot, dot * inverse_sd, total)]

    def backward(
        dy: Tensor,
        x: Tensor,
        mean: Tensor,
        inverse_sd: Tensor,
        weight: Tensor,
        total: Tensor,
        dot: Tensor,
        count: Tensor,
    ) -> Tensor:
        n = count.sum()
        mean, inverse_sd, weight, total, dot = (part.view(shape) for part in (mean, inverse_sd, weight, total, dot))
        dx = (dy.double() - total / n - (x.double() - mean) * inverse_sd**2 * dot / n) * inverse_sd * weight
        return dx.to(x.dtype)

    names = ("stats", "gather_stats_with_counts", "elemt", "backward_reduce", "backward_elemt")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Tensor, "is_cuda", True)
        for name, stand_in in zip(names, (stats, gather, elemt, reduce, backward), strict=True):
            patched.setattr(torch, f"batch_norm_{name}", stand_in)
        yield


def watch(layer: nn.BatchNorm3d, device: str, layout: torch.memory_format) -> dict[str, Any]:
    """Return what a bfloat16 map of 2 MiB costs: messages there and back, and the largest thing that is allocated.

    The profiler sees what torch allocates inside an operation, too; a GPU tells its peak.
    """
    x, dy = (torch.randn(2, 3, 64, 64, 43, device=device).bfloat16().contiguous(memory_format=layout) for _ in range(2))
    x.requires_grad_()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    with profile(profile_memory=True) as there:
        out = layer(x)
    with profile(profile_memory=True) as back:
        out.backward(dy)
    peak = torch.cuda.max_memory_allocated() - before if device == "cuda" else 0
    events = [*there.function_events, *back.function_events]
    return {
        "there": [event.name for event in there.function_events if event.name.startswith("c10d::")],
        "back": [event.name for event in back.function_events if event.name.startswith("c10d::")],
        "bytes a value": max(event.self_cpu_memory_usage for event in events) / x.numel(),
        "maps at peak": peak / x.numel() / x.element_size(),
    }


def work(rank: int, port: str, folder: Path, device: str) -> None:
    patience = timedelta(minutes=2)
    # Not NCCL: it refuses two workers on one GPU.
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORKERS, timeout=patience
    )
    x, target = (part.chunk(WORKERS)[rank].to(device) for part in make_batch())
    found: dict[str, dict[str, Any]] = {
        "default": run(make_layer(BatchNorm3d, device=device), x, target),
        "cumulative": run(make_layer(BatchNorm3d, None, device), x, target),
        "channels last": run(make_layer(BatchNorm3d, device=device), x.contiguous(memory_format=LAST), target),
    }
    with torch.autocast(device, torch.bfloat16):
        found["bfloat16"] = run(make_layer(BatchNorm3d, device=device), (x - 50).bfloat16(), target)
    evaluated = make_layer(BatchNorm3d, device=device).eval()
    found["eval"] = {"out": evaluated(x).detach()}
    for name, layout in (("cost, channels last", LAST), ("cost, channels first", torch.contiguous_format)):
        found[name] = watch(make_layer(BatchNorm3d, device=device), device, layout)
    if device == "cpu":
        with standing_in():
            found["by torch"] = run(make_layer(BatchNorm3d), x, target)
            found["cost by torch"] = watch(make_layer(BatchNorm3d), device, LAST)
    torch.save(
        {name: {key: on_cpu(value) for key, value in of.items()} for name, of in found.items()}, folder / f"{rank}.pt"
    )
    dist.destroy_process_group()


def on_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


def by_two(folder: Path, device: str) -> list[dict[str, dict[str, Any]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    other = subprocess.Popen([sys.executable, __file__, "1", str(port), str(folder), device], env=environment)
    work(0, str(port), folder, device)
    assert other.wait(timeout=60) == 0
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORKERS)]


@pytest.fixture(scope="module")
def by_workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Any]]]:
    return by_two(tmp_path_factory.mktemp("workers"), "cpu")


Found = list[dict[str, dict[str, Any]]]


def check_case(by_workers: Found, case: str, expected: dict[str, Tensor]) -> None:
    parts = [found[case] for found in by_workers]
    for name in ("out", "x"):
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), expected[name], rtol=1e-4, atol=1e-4)
    for name in ("weight", "bias"):
        torch.testing.assert_close(sum(part[name] for part in parts), expected[name], rtol=1e-4, atol=1e-3)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        for part in parts:
            torch.testing.assert_close(part[name], expected[name])


def check_bfloat16(by_workers: Found, expected: dict[str, Tensor]) -> None:
    parts = [found["bfloat16"] for found in by_workers]
    torch.testing.assert_close(parts[0]["running_var"], expected["running_var"], rtol=1e-5, atol=1e-5)
    for name in ("out", "x"):
        assert parts[0][name].dtype == torch.bfloat16
        found = torch.cat([part[name] for part in parts]).float()
        assert (found - expected[name]).norm() / expected[name].norm() < 0.005, name


@pytest.mark.parametrize(
    ("case", "momentum"), [("default", 0.1), ("cumulative", None), ("channels last", 0.1), ("by torch", 0.1)]
)
def test_two_workers_equal_one_with_the_joined_batch(by_workers: Found, case: str, momentum: float | None) -> None:
    check_case(by_workers, case, run(make_layer(nn.BatchNorm3d, momentum), *make_batch()))


def test_bfloat16_batches_have_float32_statistics(by_workers: Found) -> None:
    x, target = make_batch()
    check_bfloat16(by_workers, run(make_layer(nn.BatchNorm3d), (x - 50).bfloat16().float(), target))


def test_eval_mode_does_not_communicate(by_workers: Found) -> None:
    x, _ = make_batch()

    torch.testing.assert_close(by_workers[1]["eval"]["out"], make_layer(nn.BatchNorm3d).eval()(x.chunk(2)[1]).detach())


@pytest.mark.parametrize(
    ("cost", "there"),
    [
        ("cost, channels last", "c10d::allreduce_"),
        ("cost, channels first", "c10d::allreduce_"),
        ("cost by torch", "c10d::allgather_"),
    ],
)
def test_a_layer_sends_one_message_in_each_direction_and_no_other(by_workers: Found, cost: str, there: str) -> None:
    for found in by_workers:
        assert (found[cost]["there"], found[cost]["back"]) == ([there], ["c10d::allreduce_"])


@pytest.mark.parametrize("cost", ["cost, channels last", "cost, channels first"])
def test_no_bfloat16_map_is_copied_to_float32(by_workers: Found, cost: str) -> None:
    """Neither by us nor inside torch: nothing allocates more than the map's own two bytes a value."""
    for found in by_workers:
        assert found[cost]["bytes a value"] == 2


def test_a_large_map_has_the_moments_of_its_values() -> None:
    """Sums in float32 over half a million values in a row, as torch's own on the CPU, lose digits of the variance."""
    x = torch.randn(1, 64, 64, 128, 8, generator=torch.Generator().manual_seed(0)).mul_(2).add_(5).movedim(-1, 1)
    layer = BatchNorm3d(x.shape[1], momentum=1.0)
    with pytest.MonkeyPatch.context() as patched:
        for name, answer in {"is_initialized": True, "get_world_size": 2, "all_reduce": None}.items():
            patched.setattr(dist, name, lambda *_, answer=answer: answer)
        layer(x)
    variance, mean = torch.var_mean(x.double(), (0, 2, 3, 4), correction=1)

    torch.testing.assert_close(layer.running_mean.double(), mean, rtol=2e-6, atol=0)
    torch.testing.assert_close(layer.running_var.double(), variance, rtol=1e-5, atol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_two_workers_on_a_gpu_equal_one_with_the_joined_batch(tmp_path: Path) -> None:
    """Two processes share one GPU, and talk through gloo."""
    by_workers = by_two(tmp_path, "cuda")

    def alone(x: Tensor, target: Tensor, momentum: float | None = 0.1) -> dict[str, Tensor]:
        layer = make_layer(nn.BatchNorm3d, momentum, "cuda")
        return {name: value.cpu() for name, value in run(layer, x.cuda(), target.cuda()).items()}

    x, target = make_batch()
    check_case(by_workers, "default", alone(x, target))
    check_case(by_workers, "cumulative", alone(x, target, None))
    check_case(by_workers, "channels last", alone(x, target))
    check_bfloat16(by_workers, alone((x - 50).bfloat16().float(), target))
    for found in by_workers:
        for cost in ("cost, channels last", "cost, channels first"):
            assert (found[cost]["there"], found[cost]["back"]) == (["c10d::allgather_"], ["c10d::allreduce_"])
            assert 2 <= found[cost]["maps at peak"] < 2.5, "the output and a gradient are two"


def test_one_worker_is_torchs_own() -> None:
    found, expected = (run(make_layer(kind), *make_batch()) for kind in (BatchNorm3d, nn.BatchNorm3d))

    assert all(torch.equal(found[name], expected[name]) for name in expected)


if __name__ == "__main__":
    work(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
