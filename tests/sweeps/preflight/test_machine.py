"""The preflight on this machine alone, without Ray."""

import errno
import fcntl
import os
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from simcvd.data.store import open_info
from simcvd.errors import UserError
from simcvd.methods.registry import METHODS, create
from simcvd.training.checkpoint import CheckpointWriter, Progress
from sweeps.preflight.checks import Findings, Subject, check_alone, preflight
from sweeps.preflight.disk import disk_need, judge_disk, state_bytes
from sweeps.preflight.gpu import GpuDevice, GpuReport, GpuTask
from sweeps.resources import placement as placement_module
from sweeps.resources.placement import check_machine
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder

PHANTOM = load_preset("phantom")
SMALL = {"dan.discriminator_width": 4, "sassnet.discriminator_width": 4}


@pytest.fixture
def data(dataset: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged: case0 and case1 train, case2 is val, the other three are test."""
    return Path(shutil.copytree(dataset, tmp_path / "data"))


def _check(data: Path, runs: Path, **options: Any) -> Findings:
    return preflight(Subject(InPlace(data), SharedFolder(runs), [PHANTOM], **options), Placement(), 2, [])


def _case(data: Path, case_id: str) -> Path:
    return data / "cases" / f"{case_id}.h5"


def test_a_sound_machine_is_accepted_and_the_runs_folder_left_as_it_was(data: Path, tmp_path: Path) -> None:
    findings = _check(data, tmp_path / "new" / "runs")
    assert list(findings.lines) == ["resources", "versions", "precision", "storage", "data", "disk", "time"]
    assert "6 case files, 3 read" in findings.lines["data"]  # train and val; nothing is read of test
    assert findings.notices == ()
    assert not (tmp_path / "new").exists()
    (tmp_path / "runs").mkdir()
    _check(data, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_runs_folder_that_can_not_be_written_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"runs folder .*file/runs can't be written \(Not a directory\); choose another"
    ):
        _check(data, tmp_path / "file" / "runs")


def test_a_runs_folder_without_locks_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match=r"can't be locked on this machine \(No locks available\); mount it with"):
        _check(data, tmp_path)


def test_locks_that_keep_nobody_out_are_a_notice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert "do not reach this machine" in _check(data, tmp_path).notices[0]


def test_a_damaged_case_is_found(data: Path, tmp_path: Path) -> None:
    content = bytearray(_case(data, "case2").read_bytes())
    content[len(content) // 2] ^= 1
    _case(data, "case2").write_bytes(content)
    with pytest.raises(UserError, match=r"case2 in .* of this machine is damaged \(its digest .*; prepare it anew\.$"):
        _check(data, tmp_path)


def test_a_truncated_case_is_found(data: Path, tmp_path: Path) -> None:
    os.truncate(_case(data, "case1"), 1000)
    with pytest.raises(UserError, match=r"case file of case1 in .* has 1,000 bytes, expected 3,584; prepare it anew"):
        _check(data, tmp_path)  # 8 x 8 x 8 voxels of 4 + 1 + 2 bytes


def test_a_missing_test_case_is_found_where_it_will_be_scored(data: Path, tmp_path: Path) -> None:
    _case(data, "case4").unlink()
    with pytest.raises(UserError, match=r"lacks 1 of 6 case files \(case4\)"):
        _check(data, tmp_path)
    assert "3 case files, 3 read" in _check(data, tmp_path, with_test=False).lines["data"]


def test_the_content_of_test_cases_is_never_read(data: Path, tmp_path: Path) -> None:
    for case_id in ("case3", "case4", "case5"):
        size = _case(data, case_id).stat().st_size
        _case(data, case_id).write_bytes(bytes(size))
    _check(data, tmp_path)
    _check(data, tmp_path, with_test=False)


def test_a_full_disk_is_told_with_what_is_needed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    subject = Subject(
        InPlace(data), SharedFolder(tmp_path), [apply_settings(load_preset("la"), {"seed": seed}) for seed in range(3)]
    )
    with pytest.raises(UserError) as told:
        preflight(subject, Placement(), 2, [])
    assert str(told.value) == (
        f"The runs folder {tmp_path} has 0.05 GB free, but 0.77 GB are needed: 0.66 GB for checkpoints of 2 trial(s) "
        "side by side, 0.12 GB for what 3 trial(s) leave; free some, lower --max-concurrent, or choose another --out."
    )
    assert "size unknown" in _check(data, tmp_path, sized=False).lines["disk"]


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_is_as_large_as_foretold(method: str, tmp_path: Path) -> None:
    config = apply_settings(PHANTOM, {"method": method, "network.width": 4, "projection.pool_size": 16} | SMALL)
    made = create(config, 1, 2)
    for optimiser in made.optimisers.values():
        for weight in (weight for group in optimiser.param_groups for weight in group["params"]):
            weight.grad = torch.zeros_like(weight)
        optimiser.step()
    writer = CheckpointWriter(tmp_path / "last.pt", made, "")
    writer.save(Progress())
    writer.finish()
    assert (tmp_path / "last.pt").stat().st_size == pytest.approx(state_bytes(config, 1, 2)[0], rel=0.05)


def test_the_disk_needed_grows_with_trials_and_those_side_by_side(data: Path) -> None:
    info = open_info(data)
    checkpoint, student = state_bytes(PHANTOM, 1, 2)
    needs = [disk_need([PHANTOM] * trials, info, slots, with_test=True) for trials, slots in ((1, 4), (8, 4), (8, 8))]
    assert [need.running for need in needs] == [2 * checkpoint, 8 * checkpoint, 16 * checkpoint]
    assert needs[1].kept == needs[2].kept == 8 * needs[0].kept > 8 * student
    search = disk_need([PHANTOM], info, 1, with_test=False)
    assert search.kept > checkpoint + student  # a trial that is stopped keeps its checkpoint
    judge_disk(data, needs[0], needs[0].total)
    with pytest.raises(UserError, match="are needed"):
        judge_disk(data, needs[0], needs[0].total - 1)


def test_methods_of_other_size_are_counted_each_for_itself(data: Path) -> None:
    small, large = (apply_settings(PHANTOM, {"method": method}) for method in ("supervised", "cps"))
    sizes = [state_bytes(config, 1, 2)[0] for config in (small, large)]
    assert disk_need([small, large], open_info(data), 1, with_test=True).running == 2 * max(sizes)
    assert disk_need([small, large], open_info(data), 2, with_test=True).running == 2 * sum(sizes)


def _machine(monkeypatch: pytest.MonkeyPatch, **resources: float) -> None:
    node = {"Alive": True, "NodeID": "", "Resources": resources}
    monkeypatch.setattr(placement_module, "this_machine", lambda: node)
    monkeypatch.setattr("sweeps.preflight.checks.this_machine", lambda: node)


def test_four_gpus_of_a_machine_without_one_are_refused_before_ray_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    with pytest.raises(UserError, match="--device is cuda, but there is no GPU on: 2 CPU, 0 GPU; use --device cpu"):
        check_machine(ResourceRequest(workers=4, device="cuda"))
    with pytest.raises(UserError, match=r"needs 4 worker.* of 1 CPU, but there is room for 2 on: 2 CPU, 0 GPU"):
        check_machine(ResourceRequest(workers=4))
    check_machine(ResourceRequest(workers=2))


def test_a_ray_that_is_joined_is_not_judged_by_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    check_machine(ResourceRequest(workers=4, device="cuda", address="192.0.2.10:6379"))
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.10:6379")
    check_machine(ResourceRequest(workers=4, device="cuda"))
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(UserError, match="there is no GPU"):
        check_machine(ResourceRequest(workers=4, device="cuda"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_this_machine_is_counted_as_ray_would() -> None:
    from ray._private.utils import get_num_cpus

    machine = placement_module.this_machine()
    assert machine is not None
    assert machine["Resources"]["CPU"] == get_num_cpus()
    assert machine["Resources"]["GPU"] == torch.cuda.device_count()


def test_checks_alone_start_no_ray(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, CPU=2.0)
    monkeypatch.setattr("sweeps.preflight.checks.ray_session", lambda _: pytest.fail("a Ray was started"))
    findings = check_alone(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM]), ResourceRequest())
    assert findings.lines["resources"] == "2 trial(s) side by side, each 1 worker(s) of 1 CPU"
    with pytest.raises(UserError, match="room for 0"):
        check_alone(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM]), ResourceRequest(cpus_per_worker=3))


@pytest.mark.skipif(torch.version.cuda is not None or torch.version.hip is not None, reason="torch knows GPUs")
def test_gpus_that_torch_can_not_use_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="of this machine is built without CUDA, but trials would get a GPU there"):
        preflight(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM]), Placement(gpus=0.5), 2, [])


def test_gpus_that_compute_are_told_with_the_arithmetic_of_all_trials(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(task: GpuTask) -> GpuReport:
        asked.append(task)
        devices = tuple(GpuDevice(str(index), "NVIDIA H200", "9.0", None, "right") for index in range(2))
        return GpuReport("CUDA 12.6", driver="570.86.10", cudnn="9.10.2", devices=devices)

    monkeypatch.setattr("sweeps.preflight.devices.ask_gpus", ask)
    others = [apply_settings(PHANTOM, {"method": method, "seed": 1}) for method in ("simcvd", "cps")]
    findings = preflight(Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM, *others]), Placement(gpus=0.5), 2, [])
    assert findings.lines["resources"].endswith("1 CPU and 0.5 GPU")
    assert findings.lines["gpus"] == "2 x NVIDIA H200, driver 570.86.10, cuDNN 9.10.2; tried on 1 machine(s)"
    assert findings.lines["precision"] == "bfloat16, this machine computes it fast and right"
    assert (findings.precision, findings.notices) == ("bfloat16", ())
    (task,) = asked
    assert [pickle.loads(config).method for config in task.configs] == ["simcvd", "cps"]
    assert (task.image_channels, task.classes) == (1, 2)
    assert findings.newcomers is not None
    assert dict(findings.newcomers.alike) == {"cuDNN": "9.10.2", "torch for": "CUDA 12.6"}


@pytest.mark.parametrize(("fast", "name"), [(True, "bfloat16"), (False, "float32")])
def test_trials_on_cpus_ask_the_cpu(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, name: str
) -> None:
    monkeypatch.setattr("sweeps.preflight.node._fast_bfloat16", lambda: fast)
    findings = _check(data, tmp_path)
    assert findings.precision == name
    assert findings.lines["precision"].startswith(f"{name}, ")
    assert findings.notices == ()  # a machine without bfloat16 has always computed in float32
