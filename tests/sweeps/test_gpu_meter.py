import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.definition.expand import TrialSpec
from sweeps.on_ray.trial import Job
from sweeps.prediction.budget import Budget, GpuMeter, choose, metered, parse_duration
from sweeps.resources.request import ResourceRequest
from sweeps.resources.room import Room
from sweeps.resources.share import Placement
from sweeps.session import Session
from sweeps.status.trial import result_path


def _pending(seeds=3, variants=2):
    return [
        TrialSpec(f"{variant}{seed}", TrialConfig(), str(variant), seed)
        for seed in range(seeds)
        for variant in "abcdef"[:variants]
    ]


def _ids(choice):
    return [trial.id for trial in choice.trials], [trial.id for trial in choice.left_out]


def test_without_limit_all_run():
    choice = choose(_pending(), Budget(), {})
    assert len(choice.trials) == 6
    assert choice.left_out == choice.notices == ()


def test_a_number_of_trials_takes_the_first():
    choice = choose(_pending(), Budget(max_trials=3), {})
    assert _ids(choice) == (["a0", "b0", "a1"], ["b1", "a2", "b2"])
    assert choice.notices == ("--max-trials 3: 3 of 6 trials wait.",)


def test_gpu_hours_take_whole_replicates():
    hours = {trial.id: 1.0 for trial in _pending()}
    choice = choose(_pending(), Budget(gpu_hours=3.5), hours)
    assert _ids(choice) == (["a0", "b0"], ["a1", "b1", "a2", "b2"])
    assert choice.notices == (
        "--gpu-hours 3.5: 4 of 6 trials wait; the 2 that run are predicted to use 2 and are of 1 replicate.",
    )
    assert len(choose(_pending(), Budget(gpu_hours=6), hours).trials) == 6


def test_a_replicate_that_is_begun_counts_with_what_is_left_of_it():
    pending = _pending()[1:]
    choice = choose(pending, Budget(gpu_hours=3.5), {trial.id: 1.0 for trial in pending})
    assert _ids(choice)[0] == ["b0", "a1", "b1"]


def test_where_no_replicate_fits_a_part_of_the_first_does():
    hours = {"a0": 1.0, "b0": 3.0, "c0": 1.0}
    choice = choose(_pending(seeds=1, variants=3), Budget(gpu_hours=2), hours)
    assert _ids(choice) == (["a0"], ["b0", "c0"])


def test_where_not_even_one_trial_fits_the_first_runs_and_is_continued():
    choice = choose(_pending(), Budget(gpu_hours=0.5), {trial.id: 4.0 for trial in _pending()})
    assert _ids(choice)[0] == ["a0"]
    assert "not even the first trial fits (predicted 4 GPU-hours)" in choice.notices[0]


def test_label_splits_are_replicates_of_their_own():
    pending = [
        TrialSpec(f"{variant}{split}", TrialConfig(), variant, 0, split) for split in (0, 1) for variant in ("a", "b")
    ]
    choice = choose(pending, Budget(gpu_hours=3), {trial.id: 1.0 for trial in pending})
    assert _ids(choice)[0] == ["a0", "b0"]


def test_what_could_not_be_predicted_leaves_nothing_out():
    assert len(choose(_pending(), Budget(gpu_hours=0.1), {}).trials) == 6


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h", 28800), ("30m", 1800), ("90", 90), ("1h30m", 5400), ("0.5h", 1800), ("45s", 45)]
)
def test_times_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8 h", "h", "8x", "-3", "0", "8h3", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match="--time-budget is"):
        parse_duration(text)


def test_the_meter_counts_the_gpus_of_the_trials_that_are_open():
    now, left = [0.0], [5]
    meter = GpuMeter(1.0, gpus=0.5, slots=lambda: 4, open_trials=lambda: left[0], clock=lambda: now[0])
    now[0] = 900
    assert not meter()
    assert meter.used_s == 900 * 4 * 0.5
    left[0], now[0] = 1, 900 + 3599
    assert not meter()
    now[0] += 1
    assert meter()


def _session(runs: Path, gpus: float, slots: int = 1) -> Session:
    job = Job({}, Path("data"), runs, runs, Placement(gpus=gpus))
    return Session(job, Room(ResourceRequest(), slots, grows=False), lambda: False, SimpleNamespace())


def test_hours_of_gpu_are_refused_on_the_cpu(tmp_path):
    session = _session(tmp_path, gpus=0)
    assert metered(session, [], Budget()) is session
    with pytest.raises(UserError, match=r"--gpu-hours is 2, but trials run on the CPU"):
        metered(session, [], Budget(gpu_hours=2))


def test_a_session_stops_when_its_hours_are_used_up_and_not_while_nothing_is_open(tmp_path):
    path = result_path(tmp_path, "a0")
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (1, 1))  # from an earlier command
    session = metered(_session(tmp_path, gpus=1), ["a0"], Budget(gpu_hours=1e-12))
    assert session.stopped()
    path.touch()
    os.utime(path, (2e9, 2e9))
    session = metered(_session(tmp_path, gpus=1), ["a0"], Budget(gpu_hours=1e-12))
    path.touch()
    os.utime(path, (2.1e9, 2.1e9))
    assert not session.stopped()
