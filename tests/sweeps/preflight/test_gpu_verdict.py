"""What GPUs report is judged without GPUs: each obstacle is one sentence with the node, the GPU and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from simcvd.errors import UserError
from sweeps.preflight.gpu import SILENT, GpuDevice, GpuReport
from sweeps.preflight.gpu_verdict import judge_gpus, told
from sweeps.storage.exchange import HERE

NODE = "node gpu02 (192.0.2.12)"
TORCH = "2.13.0"
H200 = GpuDevice("0", "NVIDIA H200", "9.0", None, "right")
LEAVE_OUT = "leave it out with CUDA_VISIBLE_DEVICES where Ray is started"


def _report(*devices: GpuDevice, **facts: Any) -> GpuReport:
    known = {"toolkit": "CUDA 12.6", "architectures": ("sm_80", "sm_90"), "driver": "570.86.10", "cudnn": "9.10.2"}
    return GpuReport(**{**known, "devices": devices, **facts})


def _broken(error: str) -> GpuReport:
    return _report(H200, replace(H200, label="1", error=error, bfloat16="unknown"))


def _unstarted(error: str, **facts: Any) -> GpuReport:
    return _report(error=error, cudnn=None, **facts)


def test_gpus_that_compute_are_accepted() -> None:
    reports = {HERE: _report(H200), NODE: _report(H200, replace(H200, label="1"))}
    assert judge_gpus(reports, TORCH, {HERE: 1.0, NODE: 2.0}) == []
    assert told(reports) == "3 x NVIDIA H200, driver 570.86.10, cuDNN 9.10.2; tried on 2 machine(s)"


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            GpuReport(),
            "torch 2.13.0 of node gpu02 (192.0.2.12) is built without CUDA, but trials would get a GPU there; install "
            "a CUDA build, or use --device cpu.",
        ),
        (
            _unstarted(
                "The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver by "
                "downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx",
                driver="535.54.03",
                driver_knows="12.2",
                toolkit="CUDA 13.0",
            ),
            "The NVIDIA driver of node gpu02 (192.0.2.12) (535.54.03) is too old for torch 2.13.0: it knows CUDA up to "
            "12.2, and torch is built for CUDA 13.0; update the driver, or install a torch for an older CUDA on every "
            "node.",
        ),
        (
            _unstarted("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
            "There is no NVIDIA driver on node gpu02 (192.0.2.12), but trials would get a GPU there; install it (a "
            "container needs the NVIDIA container toolkit), or use --device cpu.",
        ),
        (
            _unstarted("No CUDA GPUs are available"),
            "torch finds no GPU on node gpu02 (192.0.2.12), but Ray hands out some there; see that nvidia-smi lists "
            "them and that CUDA_VISIBLE_DEVICES names what is there, or use --device cpu.",
        ),
        (
            _unstarted(SILENT),
            "The GPUs of node gpu02 (192.0.2.12) did not answer within 60 s; see that nvidia-smi answers there, "
            "restart the machine, or take it out of this Ray.",
        ),
        (
            _unstarted("CUDA error: system not yet initialized"),
            "torch can't start the GPUs of node gpu02 (192.0.2.12) (CUDA error: system not yet initialized); see that "
            "nvidia-smi and torch.cuda.init() work there, or take it out of this Ray.",
        ),
        (
            _broken("CUDA error: no kernel image is available for execution on the device"),
            "torch 2.13.0 has no kernels for GPU 1 (NVIDIA H200) of node gpu02 (192.0.2.12) with its compute "
            f"capability 9.0, only for sm_80 sm_90; install one that has them on every node, or {LEAVE_OUT}.",
        ),
        (
            _broken(SILENT),
            "GPU 1 (NVIDIA H200) of node gpu02 (192.0.2.12) did not answer a small convolution within 60 s; reset it "
            f"or restart the machine, or {LEAVE_OUT}.",
        ),
        (
            _broken("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
            "GPU 1 (NVIDIA H200) of node gpu02 (192.0.2.12) is busy or unavailable: another process may hold it for "
            f"itself alone; end that one, set the compute mode to default (nvidia-smi -c 0), or {LEAVE_OUT}.",
        ),
        (
            _broken("it ended with signal 11"),
            "GPU 1 (NVIDIA H200) of node gpu02 (192.0.2.12) fails a small convolution (it ended with signal 11); see "
            f"what nvidia-smi says of it, reset it, or {LEAVE_OUT}.",
        ),
        (
            _report(H200, cudnn=None, cudnn_error="cuDNN version incompatibility: found runtime version (8, 9, 2)."),
            "torch can't use cuDNN on node gpu02 (192.0.2.12) (cuDNN version incompatibility: found runtime version "
            "(8, 9, 2)); install the cuDNN that torch brings, and see that LD_LIBRARY_PATH names no other one.",
        ),
        (
            _report(H200, cudnn="9.5.1"),
            "Node gpu02 (192.0.2.12) has cuDNN 9.5.1, but this machine has cuDNN 9.10.2; install the same on every "
            "node.",
        ),
    ],
)
def test_what_keeps_trials_from_a_gpu_is_one_sentence(report: GpuReport, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        judge_gpus({HERE: _report(H200), NODE: report}, TORCH, {})
    assert str(refused.value) == sentence


def test_a_gpu_that_ray_counts_and_torch_does_not_find_is_told() -> None:
    with pytest.raises(UserError, match=r"^Ray hands out 4 GPUs of node gpu02 .*, but torch finds 1 there; see that"):
        judge_gpus({NODE: _report(H200)}, TORCH, {NODE: 4.0})


def test_drivers_that_differ_are_a_notice() -> None:
    (notice,) = judge_gpus({HERE: _report(H200), NODE: _report(H200, driver=None)}, TORCH, {})
    assert notice == (
        "The GPUs' drivers differ (570.86.10 on this machine, unknown on node gpu02 (192.0.2.12)); with the same one "
        "everywhere, results can't hang on it."
    )


@pytest.mark.parametrize(
    "error", ["CUDA out of memory. Tried to allocate 2.00 MiB. GPU 1 has ...", "CUDA error: out of memory"]
)
def test_a_gpu_without_free_memory_may_be_busy_with_other_trials(error: str) -> None:
    (notice,) = judge_gpus({NODE: _broken(error)}, TORCH, {NODE: 2.0})
    assert notice == (
        "GPU 1 (NVIDIA H200) of node gpu02 (192.0.2.12) could not be tried, since no memory is free there; where that "
        "is no trial of another command on this Ray, end what takes it."
    )
