import pytest
import torch

from simcvd.data.store import open_info
from sweeps.prediction.costs import ProbeFailure
from sweeps.prediction.measure import failure_of, measure_inference, measure_training
from tests.sweeps.prediction.tiny import tiny_config


def test_a_class_is_measured_by_the_real_training_code(phantom):
    before = {path: path.stat().st_mtime_ns for path in phantom.rglob("*")}
    threads = torch.get_num_threads()
    cost = measure_training(tiny_config(), phantom, device="cpu", threads=1, workers=1, steps=2, limit_s=5)
    assert [stage.start for stage in cost.stages] == [0.0]
    assert cost.stages[0].step_s > 0
    assert cost.start_s > 0
    assert cost.norms_s > 0
    assert cost.segmenters == 2
    assert torch.get_num_threads() == threads
    assert {path: path.stat().st_mtime_ns for path in phantom.rglob("*")} == before


def test_stages_are_found_with_their_share_of_the_steps(phantom):
    config = tiny_config(
        method="chaitanya",
        chaitanya__global_fraction=0.25,
        chaitanya__local_fraction=0.5,
        chaitanya__region_side=1,
        training__gradient_norms_every_steps=None,
    )
    cost = measure_training(config, phantom, device="cpu", threads=1, workers=1, steps=1, limit_s=5)
    assert [stage.start for stage in cost.stages] == [0.0, 0.25, 0.75]
    assert all(stage.step_s > 0 for stage in cost.stages)
    assert cost.norms_s == 0


@pytest.mark.parametrize("limit_s", [5.0, 0.0])
def test_a_prediction_is_measured_without_test_cases(phantom, monkeypatch, limit_s):
    info = open_info(phantom)
    opened = []
    from simcvd.data import store

    original = store.open_case
    monkeypatch.setattr(
        store,
        "open_case",
        lambda folder, case_id, **given: opened.append(case_id) or original(folder, case_id, **given),
    )
    cost = measure_inference(tiny_config(), phantom, device="cpu", threads=1, limit_s=limit_s)
    assert cost.window_s > 0
    assert cost.voxel_s > 0
    assert opened
    assert not set(opened) & set(info.splits.test)


def test_failures_are_told_by_kind():
    assert failure_of(torch.OutOfMemoryError("CUDA out of memory. Tried ..."), "cuda") == ProbeFailure(
        "out_of_memory", "does not fit into the GPU"
    )
    assert failure_of(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "cpu") == ProbeFailure(
        "out_of_memory", "does not fit into the memory"
    )
    assert failure_of(ZeroDivisionError("a bug"), "cpu") == ProbeFailure("ZeroDivisionError", "a bug")
    full = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    assert failure_of(full, "cuda", 0.25) == ProbeFailure(
        "out_of_memory", "does not fit into the 0.25 of a GPU that it gets"
    )
    broken = RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with ...")
    assert failure_of(broken, "cuda") == ProbeFailure(
        "gpu_error", "the GPU failed: an illegal memory access was encountered"
    )
