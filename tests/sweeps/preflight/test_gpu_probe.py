"""What the process does that tries the GPUs, with a CPU in their place."""

import builtins
import json
import pickle
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sweeps.preflight import gpu_probe
from sweeps.preflight.gpu import PROBE

CPU = torch.device("cpu")
small_convolution = gpu_probe.small_convolution


class Told:
    """What was told: of all GPUs, and of each."""

    def __init__(self) -> None:
        self.whole: dict[str, Any] = {}
        self.devices: dict[int, dict[str, Any]] = {}

    def __call__(self, **facts: Any) -> None:
        json.dumps(facts)
        about = self.devices.setdefault(facts.pop("device"), {}) if "device" in facts else self.whole
        about |= facts


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let torch tell of two GPUs; convolutions on them are computed by the CPU, or fail as the test says.

    `errors` by number and precision, `names`, `fast` and `wrong` may be changed.
    """
    said: dict[str, Any] = {
        "errors": {},
        "names": ["NVIDIA H200", "NVIDIA H200"],
        "fast": True,
        "wrong": None,
        "compared": [],
    }
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: 12080, raising=False)
    answers = {
        "init": lambda: None,
        "device_count": lambda: 2,
        "get_arch_list": lambda: ["sm_90"],
        "get_device_capability": lambda index: (9, 0),
        "get_device_name": lambda index: said["names"][index],
        "get_device_properties": lambda index: SimpleNamespace(total_memory=(index + 1) * 10**10),
        "device": lambda index: nullcontext(),
        "empty_cache": lambda: None,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)

    def small(device: torch.device, precision: str) -> str | None:
        if error := said["errors"].get((device.index, precision)):
            raise error
        return None

    def wrong(config: str, channels: int, classes: int, device: torch.device) -> str | None:
        said["compared"].append((config, channels, classes, device.index))
        found: str | None = said["wrong"]
        return found

    monkeypatch.setattr(gpu_probe, "small_convolution", small)
    monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: said["fast"])
    monkeypatch.setattr("simcvd.training.convolution_check.wrong_convolution", wrong)
    return said


def _look(*configs: str) -> Told:
    told = Told()
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        packed = [pickle.dumps(config) for config in configs]
        gpu_probe.look({"configs": packed, "image_channels": 1, "classes": 2}, told)
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
    return told


def test_all_gpus_are_told_of(two_gpus: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    told = _look("a", "b")
    assert told.whole.items() >= {"toolkit": "CUDA 12.6", "driver_knows": "12.8", "cudnn": "9.10.2"}.items()
    assert {index: found["label"] for index, found in told.devices.items()} == {0: "2", 1: "5"}
    for found in told.devices.values():
        assert (found["name"], found["capability"], found["error"]) == ("NVIDIA H200", "9.0", None)
        assert (found["bfloat16"], found["bfloat16_told"]) == ("right", "")
    assert [found["memory_bytes"] for found in told.devices.values()] == [10**10, 2 * 10**10]
    assert two_gpus["compared"] == [("a", 1, 2, 0), ("b", 1, 2, 0)]  # two of one kind run the same kernels


def test_a_gpu_that_fails_does_not_hide_the_other(two_gpus: dict[str, Any]) -> None:
    text = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be ..."
    two_gpus["errors"] = {(0, "float32"): RuntimeError(text), (0, "bfloat16"): RuntimeError(text)}
    two_gpus["names"] = ["Tesla K80", "NVIDIA H200"]
    told = _look()
    assert told.devices[0]["error"] == "CUDA error: no kernel image is available for execution on the device"
    assert told.devices[0]["bfloat16"] == "unknown"
    assert (told.devices[1]["error"], told.devices[1]["bfloat16"]) == (None, "right")


def test_a_convolution_that_is_wrong_is_told_of_all_gpus_of_the_kind(two_gpus: dict[str, Any]) -> None:
    two_gpus["wrong"] = "the 3x3x3 convolution has an output with a relative error of 1"
    told = _look("a")
    assert [(found["bfloat16"], found["bfloat16_told"]) for found in told.devices.values()] == [
        ("wrong", two_gpus["wrong"]),
        ("wrong", two_gpus["wrong"]),
    ]
    two_gpus["names"][1] = "NVIDIA L40S"
    two_gpus["compared"].clear()
    _look("a")
    assert [index for *_, index in two_gpus["compared"]] == [0, 1]


def test_a_gpu_without_free_memory_is_known_from_another_of_its_kind(two_gpus: dict[str, Any]) -> None:
    two_gpus["errors"] = {(0, "bfloat16"): torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")}
    assert [found["bfloat16"] for found in _look("a").devices.values()] == ["right", "right"]
    two_gpus["names"][1] = "NVIDIA L40S"
    told = _look("a")
    assert told.devices[0]["bfloat16_told"] == "CUDA out of memory. Tried to allocate 2.00 MiB"
    assert [found["bfloat16"] for found in told.devices.values()] == ["unknown", "right"]


def test_gpus_without_bfloat16_are_not_compared(two_gpus: dict[str, Any]) -> None:
    two_gpus["fast"] = False
    assert [found["bfloat16"] for found in _look("a").devices.values()] == ["absent", "absent"]
    assert two_gpus["compared"] == []


def test_a_cudnn_that_does_not_fit_is_told(two_gpus: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> int:
        raise RuntimeError("cuDNN version incompatibility: ...")

    monkeypatch.setattr(torch.backends.cudnn, "version", version)
    told = _look()
    assert told.whole["cudnn_error"] == "cuDNN version incompatibility: ..."
    assert told.devices[1]["error"] is None


def test_whether_gpus_compute_is_found_out_with_torch_alone(
    two_gpus: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *others: Any, **named: Any) -> Any:
        if name.startswith(("simcvd", "sweeps", "ray")):
            raise ModuleNotFoundError(f"No module named '{name}'")
        return real(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    told = Told()
    with pytest.raises(ModuleNotFoundError):
        gpu_probe.look({"configs": [], "image_channels": 1, "classes": 2}, told)
    assert [found["error"] for found in told.devices.values()] == [None, None]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_small_convolution_is_right_up_to_rounding(precision: str) -> None:
    assert small_convolution(CPU, precision) is None


def test_a_small_convolution_that_comes_out_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    conv3d, calls = torch.nn.functional.conv3d, []

    def wrong_first(*given: Any, **named: Any) -> torch.Tensor:
        calls.append(given)
        out = conv3d(*given, **named)
        return out * 1.1 if len(calls) == 1 else out

    monkeypatch.setattr(torch.nn.functional, "conv3d", wrong_first)
    assert small_convolution(CPU, "float32") == (
        "the output of a small convolution in float32 has a relative error of 0.1"
    )


def test_a_result_that_is_no_number_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    conv3d, calls = torch.nn.functional.conv3d, []

    def nan_first(*given: Any, **named: Any) -> torch.Tensor:
        calls.append(given)
        return conv3d(*given, **named) * (float("nan") if len(calls) == 1 else 1)

    monkeypatch.setattr(torch.nn.functional, "conv3d", nan_first)
    assert "has a relative error of nan" in str(small_convolution(CPU, "float32"))


@pytest.mark.parametrize(("number", "version"), [(91002, "9.10.2"), (8907, "8.9.7"), (None, None)])
def test_versions_of_cudnn_are_told_as_people_write_them(
    number: int | None, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: number)
    assert gpu_probe.cudnn_version(torch) == version


@pytest.mark.parametrize(
    ("visible", "names"), [(None, ["0", "1"]), ("", ["0", "1"]), ("4,6", ["4", "6"]), ("4,6,99", ["0", "1"])]
)
def test_gpus_are_called_as_the_machine_counts_them(visible: str | None, names: list[str]) -> None:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert gpu_probe.labels(2, environment) == names


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("CUDA error: unknown error\nCompile with TORCH_USE_CUDA_DSA"), "CUDA error: unknown error"),
        (RuntimeError(), "RuntimeError: "),
        (KeyError("name"), "KeyError: 'name'"),
    ],
)
def test_errors_are_told_without_the_advice_below_them(error: Exception, text: str) -> None:
    assert gpu_probe.reason(error) == text


def test_what_libraries_print_does_not_come_between(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(
        "print('noise')\nraise ImportError('libcudart.so.12: cannot open shared object')"
    )
    done = subprocess.run(
        [sys.executable, "-P", str(PROBE)],
        input=pickle.dumps({"limit_s": 60, "configs": (), "image_channels": 1, "classes": 2}),
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"error": "ImportError: libcudart.so.12: cannot open shared object"}, {"ended": True}]
