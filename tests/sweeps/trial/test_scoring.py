import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import distributed

from analysis.runs.masks import masked_cases, read_mask
from analysis.runs.records import read_cases, read_trials
from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info, write_info
from simcvd.errors import DataError
from simcvd.metrics.names import DISTANCES, SURFACE_DICES
from simcvd.training.distributed import rank_and_workers
from simcvd.training.run import TrainingFailed
from sweeps.status.trial import trial_folder
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Contact, Device, Terms

Said = dict[str, dict[str, Any]]
Hook = Callable[[str], None]

ID = "t"
CPU = Device("cpu")
REAL = {
    "data.crop_vox": [32, 32, 16],
    "inference.stride_vox": [32, 32, 16],
    "network.width": 2,
    "training.steps": 2,
    "training.precision": "float32",
}


def config(**changes: Any) -> TrialConfig:
    return apply_settings(load_preset("phantom"), {"training.steps": 5} | changes)


def train(config: TrialConfig, dataset: Path, trial_dir: Path, **_: Any) -> Any:
    if rank_and_workers()[0] == 0:
        trial_dir.mkdir(parents=True, exist_ok=True)
        (trial_dir / "config.yaml").write_text("settings")
        (trial_dir / "student.safetensors").write_text("weights of the first worker")
    if rank_and_workers()[1] > 1:
        distributed.barrier()
    return SimpleNamespace(steps=5, seconds=0.5, val_scores=[])


def scorer(before: Hook = lambda case: None, *, aware: bool = True, scored: list[str] | None = None) -> Engine:
    """Scores depend on weights and case; `before` is called with each case, the ids go to `scored`."""

    def evaluate(
        trial_dir: Path,
        dataset: Path,
        split: str,
        *,
        device: str,
        on_case: Callable[[str, Any], None],
        only: Collection[str] | None = None,
    ) -> list[Any]:
        weights = len((trial_dir / "student.safetensors").read_text())
        rows = []
        for number, case in enumerate(getattr(open_info(dataset).splits, split)):
            if only is not None and case not in only and aware:
                continue
            before(case)
            if scored is not None:
                scored.append(case)
            on_case(case, np.full((2, 3, number + 4), number, np.uint8))
            missing = dict.fromkeys((*DISTANCES, *SURFACE_DICES))
            sizes = {"predicted_voxels": 60, "reference_voxels": 64}
            known = {"case_id": case, "empty_prediction": False, "empty_reference": False, **missing, **sizes}
            rows += [
                SimpleNamespace(**known, class_id=c, class_name=f"{c}", dice=1 / (weights + number + c), jaccard=0.1)
                for c in (1, 2)
            ]
        return rows

    return Engine(train, evaluate)


def fails_on(rank: int, error: Exception) -> Hook:
    """Fail on one worker before its last case."""

    def fail(case: str) -> None:
        if rank_and_workers()[0] == rank and case in ("case4", "case5"):
            raise error

    return fail


def say(dataset: Path, runs: Path, engine: Engine, **options: Any) -> dict[str, Any]:
    """Run the trial; return what this worker says of it."""
    said: dict[str, Any] = {"asked": 0}

    def should_stop() -> bool:
        said["asked"] += 1
        return bool(options.get("stop", False))

    try:
        status = execute_trial(
            config(),
            dataset,
            runs,
            trial_id=ID,
            contact=Contact(should_stop=should_stop),
            terms=Terms(engine=engine),
            command="a sweep's",
        )
        return said | {"state": status.state, "message": status.message}
    except Exception as error:
        return said | {"error": type(error).__name__, "kind": getattr(error, "kind", None), "message": str(error)}


def work(rank: int, port: str, folder: Path, dataset: Path) -> None:
    """Go through everything in one group: who were left behind by one trial would not answer in the next."""
    said: Said = {}
    scored: list[str] = []
    own = folder / "own" / str(rank)
    own.mkdir(parents=True, exist_ok=True)
    (trial_folder(own, ID)).mkdir(parents=True)
    broken = "CUDA error: an illegal memory access was encountered"
    init = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=init, rank=rank, world_size=2, timeout=timedelta(seconds=90))
    try:
        said["alike"] = say(dataset, folder / "alike", scorer(scored=scored))
        said["all of them"] = say(dataset, folder / "all of them", scorer(aware=False))
        said["asked"] = say(dataset, folder / "asked", scorer(), stop=rank == 1)
        said["asked, again"] = say(dataset, folder / "asked", scorer())
        said["data"] = say(dataset, folder / "data", scorer(fails_on(1, DataError("case4.h5 is truncated."))))
        said["gpu"] = say(dataset, folder / "gpu", scorer(fails_on(1, RuntimeError(broken))))
        memory = TrainingFailed("out_of_memory", "Memory did not suffice.")
        said["first"] = say(dataset, folder / "first", scorer(fails_on(0, memory)))
        said["second"] = say(dataset, folder / "second", scorer(fails_on(1, memory)))
        said["bug"] = say(dataset, folder / "bug", scorer(fails_on(1, ZeroDivisionError("a bug"))))
        said["own"] = say(dataset, own, scorer())
        said["few"] = say(folder / "few cases", folder / "few", scorer())
    finally:
        distributed.destroy_process_group()
    said["alike"]["scored"] = scored
    (folder / f"said-{rank}.json").write_text(json.dumps(said))


def score_for_real(rank: int, port: str, runs: Path, dataset: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    try:
        assert execute_trial(config(**REAL), dataset, runs, trial_id=ID, device=CPU).state == "finished"
    finally:
        distributed.destroy_process_group()


def by_two(task: Callable[[int, str, Path, Path], None], folder: Path, dataset: Path) -> None:
    """Run a function of this file here and in one more process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, task.__name__, port, str(folder), str(dataset)]
    with subprocess.Popen(command, env=environment) as other:
        task(0, port, folder, dataset)
        assert other.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Path:
    """What two workers left of every trial, and what one alone left."""
    folder = tmp_path_factory.mktemp("scoring")
    few = folder / "few cases"
    shutil.copytree(dataset, few)
    info = open_info(few)
    write_info(few, info.model_copy(update={"splits": info.splits.model_copy(update={"test": ("case5",)})}))
    say(dataset, folder / "alone", scorer())
    by_two(work, folder, dataset)
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> list[Said]:
    return [json.loads((folder / f"said-{rank}.json").read_text()) for rank in range(2)]


def check_same(found: Path, expected: Path) -> None:
    pd.testing.assert_frame_equal(read_cases(found), read_cases(expected), check_exact=True)
    assert masked_cases(found, ID) == masked_cases(expected, ID)
    for case in masked_cases(expected, ID):
        ours, theirs = (read_mask(runs, ID, case) for runs in (found, expected))
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("runs", ["alike", "all of them", "asked", "own/0"])
def test_two_workers_leave_what_one_leaves(folder: Path, said: list[Said], runs: str) -> None:
    assert len(read_cases(folder / "alone")) == 6
    assert len(masked_cases(folder / "alone", ID)) == 3
    check_same(folder / runs, folder / "alone")
    files = [folder / each / f"results/cases/{ID}.parquet" for each in (runs, "alone")]
    rows = [pd.read_parquet(path)["case_id"].tolist() for path in files]
    assert rows[0] == rows[1] == [case for case in ("case3", "case4", "case5") for _ in range(2)]


def test_each_worker_scores_its_share_and_shows_life_while_it_waits(said: list[Said]) -> None:
    assert [each["alike"]["scored"] for each in said] == [["case3", "case5"], ["case4"]]
    assert [each["alike"]["state"] for each in said] == ["finished"] * 2
    assert [each["alike"]["asked"] for each in said] == [3, 3], "twice while cases are scored, and once all are done"


def test_a_worker_that_is_asked_to_stop_takes_the_others_along(folder: Path, said: list[Said]) -> None:
    sentence = "Stopped while scoring case3; run the same command again to continue."
    for each in said:
        assert (each["asked"]["state"], each["asked"]["message"]) == ("interrupted", sentence)
        assert each["asked, again"]["state"] == "finished"


def test_the_first_worker_records_what_another_failed_of(folder: Path, said: list[Said]) -> None:
    assert [each["data"]["error"] for each in said] == ["WorkerFailedError"] * 2
    assert [each["data"]["kind"] for each in said] == ["data", None]
    row = read_trials(folder / "data").iloc[0]
    assert (row["status"], row["failure_kind"]) == ("failed", "data")
    assert row["failure_message"] == "case4.h5 is truncated."
    assert "DataError: case4.h5 is truncated." in (trial_folder(folder / "data", ID) / "failure.txt").read_text()
    assert read_trials(folder / "second")["failure_kind"].tolist() == ["out_of_memory"]


def test_the_first_worker_records_its_own_failure_and_no_other_waits_for_it(folder: Path, said: list[Said]) -> None:
    assert [each["first"]["error"] for each in said] == ["TrainingFailed", "WorkerFailedError"]
    assert read_trials(folder / "first")["failure_kind"].tolist() == ["out_of_memory"]


@pytest.mark.parametrize(("runs", "error"), [("gpu", "RuntimeError"), ("bug", "ZeroDivisionError")])
def test_what_is_no_failure_of_the_trial_is_told_by_the_worker_that_met_it(
    folder: Path, said: list[Said], runs: str, error: str
) -> None:
    assert [each[runs]["error"] for each in said] == ["WorkerFailedError", error]
    assert said[0][runs]["message"] == "Worker 1 failed while it scored test cases."
    assert read_trials(folder / runs).empty


def test_a_worker_with_a_folder_of_its_own_gets_the_student(folder: Path, said: list[Said]) -> None:
    first, second = (trial_folder(folder / "own" / str(rank), ID) for rank in range(2))
    for name in ("config.yaml", "student.safetensors"):
        assert (second / name).read_bytes() == (first / name).read_bytes()
    assert read_trials(folder / "own" / "1").empty


def test_a_worker_without_a_case_of_its_own_waits_for_the_others(folder: Path, said: list[Said]) -> None:
    assert [each["few"]["state"] for each in said] == ["finished"] * 2
    assert read_cases(folder / "few")["case_id"].tolist() == ["case5"] * 2
    assert masked_cases(folder / "few", ID) == ["case5"]


@pytest.mark.slow
def test_two_workers_score_a_real_student_bit_for_bit_like_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_phantom(data)
    one_thread, untested = Device("cpu", threads=1), Terms(test=False)
    execute_trial(config(**REAL), data, tmp_path / "one", trial_id=ID, device=one_thread, terms=untested)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert execute_trial(config(**REAL), data, tmp_path / "one", trial_id=ID, device=CPU).state == "finished"
    by_two(score_for_real, tmp_path / "two", data)
    assert len(read_cases(tmp_path / "one").query("split == 'test'")) > 2
    check_same(tmp_path / "two", tmp_path / "one")


if __name__ == "__main__":
    {"work": work, "score_for_real": score_for_real}[sys.argv[1]](1, sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
