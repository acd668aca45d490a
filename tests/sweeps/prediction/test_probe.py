import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from simcvd.data.store import open_info
from sweeps.prediction import probe as probing
from sweeps.prediction.costs import InferenceCost, ProbeFailure, StageCost, TrainingCost
from sweeps.prediction.probe import Measuring, Task, measure_all, probe, tasks_of
from sweeps.resources.share import Placement
from tests.sweeps.prediction.tiny import tiny_config


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
    measure_all(
        Fake(),
        [Task("training", key, tiny_config()) for key in keys],
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
    configs = [tiny_config(seed=seed, loss__contrast=weight) for seed in (0, 1) for weight in (0.0, 0.5, 1.0)]
    assert [task.what for task in tasks_of(configs)] == ["training", "inference", "training"]


@pytest.mark.parametrize(
    ("measured", "kept"),
    [
        ([TrainingCost((StageCost(0.0, each),)) for each in (1.0, 3.0)], 1),
        ([TrainingCost((StageCost(0.0, 1.0),)), ProbeFailure("lost", "gone")], 1),
        ([ProbeFailure("lost", "gone"), TrainingCost((StageCost(0.0, 1.0),))], 0),
    ],
)
def test_the_slower_of_two_measurements_counts_and_a_failure_before_it(monkeypatch, measured, kept):
    windows = [InferenceCost(2.0), InferenceCost(1.0)]

    def measure(measuring, tasks, together, on_result):
        left = {"training": list(measured), "inference": list(windows)}
        for task in tasks:
            on_result(task, left[task.what].pop(0))

    monkeypatch.setattr(probing, "measure_all", measure)
    costs = probe([tiny_config()], Path("data"), Placement(1, 1, 0.0), slots=4, steps=1)
    assert list(costs.training.values()) == [measured[kept]]
    assert list(costs.inference.values()) == [windows[0]]


def test_a_measurement_gets_the_memory_of_a_trial(monkeypatch):
    from simcvd import gpu_memory
    from sweeps.prediction import measure

    done = []
    monkeypatch.setattr(gpu_memory, "limit_memory", lambda share, device: done.append((share, device)))
    monkeypatch.setattr(measure, "measure_training", lambda *given, **named: done.append("measured"))
    task = Task("training", "key", tiny_config())
    Measuring(Path("data"), "cuda", threads=1, workers=1, steps=1, gpu_share=0.5)(task)
    assert done == [(0.5, "cuda"), "measured"]


def test_measurements_on_gpus_are_given_the_share_that_a_trial_is_placed_with(monkeypatch):
    given = []

    def measured(measure, tasks, together, on_result):
        given.append((measure.device, measure.gpu_share, together))
        for task in tasks:
            on_result(task, ProbeFailure("gpu_error", "the GPU failed"))

    monkeypatch.setattr(probing, "measure_all", measured)
    for gpus in (0.25, 1.0, 0.0):
        probe([tiny_config()], Path("data"), Placement(1, 1, gpus), slots=2, steps=1)
    assert given == [("cuda", 0.25, 4), ("cuda", 1.0, 1), ("cpu", 0.0, 2)]


@pytest.mark.slow
def test_a_process_whose_gpu_broke_measures_nothing_more():
    found = _run(["pid before", "broken", "pid after"])
    before, broken, after = (found[key].message for key in ("pid before", "broken", "pid after"))
    assert before == broken != after


@pytest.mark.slow
def test_all_classes_of_a_set_are_measured_and_a_failing_one_is_told(phantom):
    seen = []
    configs = [tiny_config(seed=seed) for seed in (0, 1)]
    configs.append(tiny_config(data__labeled=1, training__batch_labeled=2, loss__contrast=0.0, method="supervised"))
    configs.append(tiny_config(method="chaitanya", chaitanya__region_side=50))
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
