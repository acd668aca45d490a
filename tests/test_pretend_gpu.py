"""The pretended GPU is as strict as a real one."""

from collections.abc import Iterator

import pytest
import torch

from tests.pretend_gpu import PretendGpu, pretended


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendGpu]:
    with pretended(monkeypatch, devices=2) as found:
        yield found


def test_tensors_name_their_device_with_its_number(gpu: PretendGpu) -> None:
    there = torch.zeros(3, device="cuda")
    assert there.is_cuda
    assert there.device == torch.device("cuda", 0) != torch.device("cuda")
    assert (there + 1).sum().device == there.device


def test_tensors_of_two_devices_do_not_mix(gpu: PretendGpu) -> None:
    there = torch.zeros(3, device="cuda")
    for other in (torch.zeros(3), torch.zeros(3, device="cuda:1")):
        with pytest.raises(RuntimeError, match="on the same device"):
            there + other
    assert (there + torch.tensor(2.0)).cpu().tolist() == [2, 2, 2]


def test_a_gpus_tensor_is_neither_pinned_nor_read_as_numpy(gpu: PretendGpu) -> None:
    there = torch.zeros(3, device="cuda")
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        there.pin_memory()
    with pytest.raises(TypeError, match="to numpy"):
        there.numpy()


def test_a_generator_draws_on_its_own_device_alone(gpu: PretendGpu) -> None:
    with pytest.raises(RuntimeError, match="device type for generator"):
        torch.rand(3, generator=torch.Generator("cpu"), device="cuda")
    torch.rand(3, generator=torch.Generator("cuda"), device="cuda")


def test_what_makes_the_host_wait_is_counted(gpu: PretendGpu) -> None:
    there = torch.arange(3.0).pin_memory().to("cuda", non_blocking=True)
    (there * 2).sum()
    assert gpu.waits == []
    for wait in (
        lambda: there.sum().item(),
        lambda: bool(there.sum() > 0),
        lambda: there[there > 1],
        lambda: there.cpu(),
        lambda: torch.zeros(3).to("cuda"),
        lambda: torch.zeros(3).to("cuda", non_blocking=True),  # not pinned
        lambda: torch.tensor([1.0], device="cuda"),
        torch.cuda.synchronize,
    ):
        before = len(gpu.waits)
        wait()
        assert len(gpu.waits) == before + 1


def test_a_copy_arrives_with_an_event_of_its_own_devices_stream(gpu: PretendGpu) -> None:
    here = torch.ones(2, device="cuda:1").to("cpu", non_blocking=True)
    wrong, right = torch.cuda.Event(blocking=True), torch.cuda.Event(blocking=True)
    wrong.record()  # device 0 is the current one
    wrong.synchronize()
    assert here.isnan().all()
    right.record(torch.cuda.current_stream(torch.device("cuda", 1)))
    right.synchronize()
    assert here.tolist() == [1, 1]


def test_training_moves_weights_in_place_as_on_the_cpu(gpu: PretendGpu) -> None:
    weights = []
    for device in ("cpu", "cuda"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = torch.nn.Sequential(
                torch.nn.Conv3d(1, 2, 3), torch.nn.BatchNorm3d(2), torch.nn.ReLU(inplace=True)
            )
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, foreach=True)
        network.to(device)
        for step in range(2):
            image = torch.linspace(-1, 1, 2 * 5**3).view(2, 1, 5, 5, 5).roll(step).to(device)
            network(image).square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
        weights.append({name: value.cpu() for name, value in network.state_dict().items()})
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
