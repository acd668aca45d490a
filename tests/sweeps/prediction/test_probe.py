import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from simcvd.config import apply_settings, load_preset
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info
from sweeps.prediction import probe as probing
from sweeps.prediction.costs import InferenceCost, ProbeFailure, StageCost, TrainingCost
from sweeps.prediction.measure import failure_of, measure_inference, measure_training
from sweeps.prediction.probe import Measuring, Task, _measure_all, probe, tasks_of
from sweeps.resources.share import Placement

CHANGES = {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [16, 16, 16],
    "network.width": 2,
    "training.steps": 20,
}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(folder, labeled=2, unlabeled=2, val=1, test=1, shape=(24, 24, 24))
    return folder


def _config(**changes):
    return apply_settings(
        load_preset("phantom"), CHANGES | {key.replace("__", "."): value for key, value in changes.items()}
    )


@dataclass(frozen=True)
class Fake:
    """In place of measuring: behaves by the task's key."""

    threads: int = 1

    def __call__(self, task: Task) -> TrainingCost | ProbeFailure:
        if task.key == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if task.key == "hangs":
            time.sleep(60)
        if task.key == "broken":
            return ProbeFailure("gpu_error", str(os.getpid()))
        if task.key.startswith("pid"):
            return ProbeFailure("told", str(os.getpid()))
        return TrainingCost((StageCost(0.0, float(len(task.key))),))


def _run(keys, together=1):
    found = {}
    _measure_all(
        Fake(),
        [Task("training", key, _config()) for key in keys],
        together,
        lambda task, r: found.update({task.key: r}),
    )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("together", [1, 3])
def test_a_process_that_is_killed_costs_its_own_class_alone(together):
    found = _run(["a", "killed", "bb", "ccc"], together)
    assert isinstance(found["killed"], ProbeFailure)
    assert found["killed"].kind == "lost"
    assert {key: cost.step_s for key, cost in found.items() if key != "killed"} == {"a": 1, "bb": 2, "ccc": 3}


@pytest.mark.slow
def test_a_measurement_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(probing, "PATIENCE_S", 5.0)
    found = _run(["hangs", "a"])
    assert found["hangs"].kind == "too_slow"
    assert found["a"].step_s == 1


def test_tasks_are_one_a_class():
    configs = [_config(seed=seed, loss__contrast=weight) for seed in (0, 1) for weight in (0.0, 0.5, 1.0)]
    assert [task.what for task in tasks_of(configs)] == ["training", "inference", "training"]


def test_the_slower_of_two_measurements_counts_and_a_failure_before_it():
    costs = [TrainingCost((StageCost(0.0, each),)) for each in (1.0, 3.0, 2.0)]
    assert probing._slowest(costs) is costs[1]
    failure = ProbeFailure("lost", "gone")
    assert probing._slowest([costs[0], failure]) is failure
    assert probing._slowest([InferenceCost(1.0), InferenceCost(2.0)]).window_s == 2


def test_a_class_is_measured_by_the_real_training_code(phantom):
    before = {path: path.stat().st_mtime_ns for path in phantom.rglob("*")}
    threads = torch.get_num_threads()
    cost = measure_training(_config(), phantom, device="cpu", threads=1, workers=1, steps=2, limit_s=5)
    assert [stage.start for stage in cost.stages] == [0.0]
    assert cost.stages[0].step_s > 0
    assert cost.start_s > 0
    assert cost.norms_s > 0
    assert cost.segmenters == 2
    assert torch.get_num_threads() == threads
    assert {path: path.stat().st_mtime_ns for path in phantom.rglob("*")} == before


def test_stages_are_found_with_their_share_of_the_steps(phantom):
    config = _config(
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
    cost = measure_inference(_config(), phantom, device="cpu", threads=1, limit_s=limit_s)
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


def test_a_measurement_gets_the_memory_of_a_trial(monkeypatch):
    from simcvd import gpu_memory
    from sweeps.prediction import measure

    done = []
    monkeypatch.setattr(gpu_memory, "limit_memory", lambda share, device: done.append((share, device)))
    monkeypatch.setattr(measure, "measure_training", lambda *given, **named: done.append("measured"))
    task = Task("training", "key", _config())
    Measuring(Path("data"), "cuda", threads=1, workers=1, steps=1, gpu_share=0.5)(task)
    assert done == [(0.5, "cuda"), "measured"]


def test_measurements_on_gpus_are_given_the_share_that_a_trial_is_placed_with(monkeypatch):
    given = []

    def measured(measure, tasks, together, on_result):
        given.append((measure.device, measure.gpu_share, together))
        for task in tasks:
            on_result(task, ProbeFailure("gpu_error", "the GPU failed"))

    monkeypatch.setattr(probing, "_measure_all", measured)
    for gpus in (0.25, 1.0, 0.0):
        probe([_config()], Path("data"), Placement(1, 1, gpus), slots=2, steps=1)
    assert given == [("cuda", 0.25, 4), ("cuda", 1.0, 1), ("cpu", 0.0, 2)]


@pytest.mark.slow
def test_a_process_whose_gpu_broke_measures_nothing_more():
    found = _run(["pid before", "broken", "pid after"])
    before, broken, after = (found[key].message for key in ("pid before", "broken", "pid after"))
    assert before == broken != after


@pytest.mark.slow
def test_all_classes_of_a_set_are_measured_and_a_failing_one_is_told(phantom):
    seen = []
    configs = [_config(seed=seed) for seed in (0, 1)]
    configs.append(_config(data__labeled=1, training__batch_labeled=2, loss__contrast=0.0, method="supervised"))
    configs.append(_config(method="chaitanya", chaitanya__region_side=50))
    costs = probe(
        configs, Path(phantom), Placement(1, 1, 0.0), slots=1, steps=1, progress=lambda *done: seen.append(done)
    )
    info = open_info(phantom)
    seconds = [costs.trial_seconds(config, info) for config in configs]
    assert all(isinstance(each, float) and each > 0 for each in seconds[:3])
    assert seconds[0] == seconds[1]
    assert isinstance(seconds[3], ProbeFailure)
    assert "chaitanya.region_side is 50" in seconds[3].message
    assert seen[-1] == (3, 3)
    assert costs.seconds > 0
