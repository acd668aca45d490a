"""GPUs are asked in a process of its own, which may say anything, hang or die: here, a script that stands in for it."""

import os
import pickle
import subprocess
import time
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from sweeps.preflight import gpu
from sweeps.preflight.gpu import MOST_CONFIGS, SILENT, GpuDevice, GpuReport, GpuTask, ask_gpus, gpu_task
from sweeps.preflight.gpu_verdict import judge_gpus

START = 'tell(toolkit="CUDA 12.6", driver="570.86.10", driver_knows="12.8", architectures=["sm_90"])\n'
FIRST = 'tell(device=0, label="0", name="NVIDIA H200", capability="9.0", error=None)\n'


def _ask(folder: Path, told: str, task: GpuTask | None = None) -> GpuReport:
    script = folder / "stand_in.py"
    start = """\
        import json, os, pickle, sys, time
        task = pickle.load(sys.stdin.buffer)
        def tell(**facts):
            print(json.dumps(facts), flush=True)
    """
    script.write_text(dedent(start) + told)
    return ask_gpus(task or GpuTask(), script)


def test_what_it_says_of_each_gpu_is_put_together(tmp_path: Path) -> None:
    second = 'tell(device=1, label="3")\ntell(device=1, name="Tesla T4", capability="7.5", error=None)\n'
    judged = (
        'tell(cudnn="9.10.2")\ntell(device=1, bfloat16="absent")\ntell(device=0, bfloat16="right", bfloat16_told="")\n'
    )
    report = _ask(tmp_path, START + FIRST + second + judged + "tell(ended=True)")
    assert report == GpuReport(
        "CUDA 12.6",
        ("sm_90",),
        "570.86.10",
        "12.8",
        "9.10.2",
        devices=(
            GpuDevice("0", "NVIDIA H200", "9.0", None, "right"),
            GpuDevice("3", "Tesla T4", "7.5", None, "absent"),
        ),
    )


def test_it_gets_the_task_and_finds_what_this_process_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "only_there.py").write_text("WORD = 'found'")
    (tmp_path / "torch.py").write_text("raise ImportError('beside the script')")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    told = """
import only_there, importlib.util
assert importlib.util.find_spec("torch").origin.endswith("__init__.py")
config = pickle.loads(task["configs"][0])
words = [only_there.WORD, config.method, task["image_channels"], task["classes"], os.environ["CUDA_VISIBLE_DEVICES"]]
tell(error=str(words), ended=True)
"""
    config = apply_settings(load_preset("phantom"), {"method": "cps"})
    report = _ask(tmp_path, told, gpu_task([config], 3, 5))
    assert report.error == "['found', 'cps', 3, 5, '2,5']"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("tell(error='The NVIDIA driver on your system is too old (found version 12020).', ended=True)", "The NVIDIA"),
        ("sys.exit('no torch')", "it ended with exit code 1: no torch"),
        ("print('{\"tool', flush=True)\nos.kill(os.getpid(), 11)", "it ended with signal 11"),
    ],
)
def test_an_end_before_any_gpu_is_about_all_of_them(tmp_path: Path, told: str, error: str) -> None:
    report = _ask(tmp_path, START + told)
    assert report.devices == ()
    assert str(report.error).startswith(error)
    assert report.driver == "570.86.10"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("tell(device=1, error='CUDA error: no kernel image is available')\ntell(ended=True)", "CUDA error: no kernel"),
        ("os.kill(os.getpid(), 11)", "it ended with signal 11"),
        ("time.sleep(60)", SILENT),
    ],
)
def test_an_end_at_a_gpu_is_about_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, error: str
) -> None:
    monkeypatch.setattr(gpu, "QUIET_S", 1.0)
    report = _ask(tmp_path, START + FIRST + 'tell(device=1, label="1", name="Tesla K80")\n' + told)
    first, second = report.devices
    assert first.error is None
    assert str(second.error).startswith(error)


@pytest.mark.parametrize(
    ("told", "why"),
    [("tell(error='ImportError: no simcvd', ended=True)", "ImportError: no simcvd"), ("time.sleep(60)", SILENT)],
)
def test_an_end_after_all_gpus_leaves_open_only_their_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, why: str
) -> None:
    monkeypatch.setattr(gpu, "QUIET_S", 1.0)
    second = 'tell(device=1, label="1", name="NVIDIA H200", error=None)\n'
    report = _ask(tmp_path, START + FIRST + second + 'tell(device=0, bfloat16="right")\n' + told)
    assert [device.error for device in report.devices] == [None, None]
    assert [(device.bfloat16, device.bfloat16_told) for device in report.devices] == [("right", ""), ("unknown", why)]


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "QUIET_S", 1.0)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    before = time.monotonic()
    assert _ask(tmp_path, "time.sleep(600)") == GpuReport(error=SILENT)
    assert time.monotonic() - before < 10
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_one_that_goes_on_and_on_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "TOTAL_S", 1.5)
    report = _ask(tmp_path, FIRST + "while True:\n    tell(cudnn='9.10.2')\n    time.sleep(0.1)")
    assert report.devices[0].bfloat16_told == SILENT


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpus_of_this_machine_compute_and_this_process_keeps_off_them() -> None:
    started = torch.cuda.is_initialized()
    report = ask_gpus(gpu_task([load_preset("phantom")], 1, 2))
    assert report.error is None
    assert report.cudnn_error is None
    assert report.toolkit
    assert len(report.devices) == torch.cuda.device_count()
    assert [device.error for device in report.devices] == [None] * len(report.devices)
    assert {device.bfloat16 for device in report.devices} <= {"right", "wrong", "absent"}
    assert judge_gpus({"this machine": report}, torch.__version__, {}) == []
    assert torch.cuda.is_initialized() == started
    print(report)


def test_each_kind_of_trial_is_looked_at_once_unless_it_wants_float32() -> None:
    base = load_preset("phantom")
    others = {"seed": 1}, {"loss.sdm": 0.3}, {"method": "cps"}, {"network.width": 4}, {"training.precision": "float32"}
    configs = [base, *(apply_settings(base, dict(change)) for change in others)]
    kept = [pickle.loads(packed) for packed in gpu_task(configs, 1, 2).configs]
    assert [(config.method, config.network.width) for config in kept] == [
        (base.method, base.network.width),
        ("cps", base.network.width),
        (base.method, 4),
    ]
    named = [apply_settings(base, {"network.name": name}) for name in ("vnet", "unet", "swin_unetr")]
    named.append(apply_settings(named[-1], {"swin_unetr.feature_size": 48}))
    assert len(gpu_task(named, 1, 2).configs) == len(named)
    many = [apply_settings(base, {"network.width": width}) for width in range(1, 2 * MOST_CONFIGS)]
    assert len(gpu_task(many, 1, 2).configs) == MOST_CONFIGS
