import pickle
from pathlib import Path

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError
from sweeps.preflight.checks import Subject, preflight
from sweeps.preflight.gpu import GpuDevice, GpuReport, GpuTask
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from tests.sweeps.crops import without_crops
from tests.sweeps.preflight.conftest import Check

PHANTOM = load_preset("phantom")


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
    assert (findings.precision, without_crops(findings.notices)) == ("bfloat16", ())
    (task,) = asked
    assert [pickle.loads(config).method for config in task.configs] == ["simcvd", "cps"]
    assert (task.image_channels, task.classes) == (1, 2)
    assert findings.newcomers is not None
    assert dict(findings.newcomers.alike) == {"cuDNN": "9.10.2", "torch for": "CUDA 12.6"}


def test_gpus_that_are_too_small_for_a_step_are_a_notice(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smaller of two GPUs decides, and half of it where two trials share one."""
    sizes = [80 * 10**9, 10**9]

    def ask(task: GpuTask) -> GpuReport:
        kinds = [GpuDevice(str(index), "GPU", "9.0", None, "right", "", size) for index, size in enumerate(sizes)]
        return GpuReport("CUDA 12.6", driver="570.86.10", cudnn="9.10.2", devices=tuple(kinds))

    monkeypatch.setattr("sweeps.preflight.devices.ask_gpus", ask)
    subject = Subject(InPlace(data), SharedFolder(tmp_path), [PHANTOM])
    assert without_crops(preflight(subject, Placement(gpus=1), 2, []).notices) == ()
    sizes[1] = 6 * 10**8
    assert without_crops(preflight(subject, Placement(gpus=1), 2, []).notices) == ()
    (notice,) = without_crops(preflight(subject, Placement(gpus=0.5), 2, []).notices)
    assert notice.startswith(
        "A step of simcvd with 4 crops of 32 x 32 x 32 voxels takes about 0.4 GB, and each GPU has 0.3"
    )


@pytest.mark.parametrize(("fast", "name"), [(True, "bfloat16"), (False, "float32")])
def test_trials_on_cpus_ask_the_cpu(monkeypatch: pytest.MonkeyPatch, fast: bool, name: str, check: Check) -> None:
    monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: fast)
    findings = check()
    assert findings.precision == name
    assert findings.lines["precision"].startswith(f"{name}, ")
    assert without_crops(findings.notices) == ()  # a machine without bfloat16 has always computed in float32
