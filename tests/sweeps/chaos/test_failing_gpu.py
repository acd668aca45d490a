"""A GPU fails under a trial: the errors are stand-ins, in the words of CUDA and torch; processes and nodes are real."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.definition.catalogue import SweepFile
from sweeps.resources.late_nodes import UnfitNodeError
from sweeps.resources.request import ResourceRequest
from sweeps.trial.engine import Engine
from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

ADVICE = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call.\nCompile with `TORCH_USE_CUDA_DSA`"
)
ILLEGAL = f"CUDA error: an illegal memory access was encountered{ADVICE}"
ASSERT = f"CUDA error: device-side assert triggered{ADVICE}"
ECC = f"CUDA error: uncorrectable ECC error encountered{ADVICE}"
NO_MORE = "no more trials run there"


def test_a_trial_whose_gpu_fails_once_goes_on_in_another_process_and_the_broken_one_serves_no_other(
    disturbed: DisturbedSweep, tmp_path: Path
) -> None:
    pids, broken, told = tmp_path / "pids", tmp_path / "broken", ILLEGAL

    def fail(config, trial_dir, step):
        import os

        with pids.open("a") as file:
            file.write(f"{os.getpid()} {trial_dir.name} {step}\n")
        if step == 5 and (config.loss.sdm, config.seed) == (0.1, 0) and not broken.exists():
            broken.write_text(f"{os.getpid()} {trial_dir.name}")
            raise RuntimeError(told)

    outcome, text = disturbed.run(fail)
    assert outcome.exit_code == 0, text
    pid, trial = broken.read_text().split()
    lines = [line.split() for line in pids.read_text().splitlines()]
    failing = lines.index([pid, trial, "5"])
    assert pid not in {line[0] for line in lines[failing + 1 :]}
    again = [line[0] for line in lines if line[1:] == [trial, "5"]]
    assert len(again) == 2
    assert again[0] == pid != again[1]
    assert "failed: an illegal memory access was encountered. It ended the process of the trial " + trial in text
    assert NO_MORE not in text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_a_trial_that_always_triggers_an_assert_fails_by_its_words_and_the_others_finish(
    disturbed: DisturbedSweep,
) -> None:
    told = ASSERT

    def fail(config, trial_dir, step):
        if step == 4 and (config.loss.sdm, config.seed) == (0.2, 1):
            raise RuntimeError(told)

    outcome, text = disturbed.run(fail)
    assert (outcome.exit_code, outcome.state.counts["finished"]) == (1, 3), text
    trial = next(row.trial for row in outcome.state.rows if row.trial.state == "failed")
    assert (trial.failure_kind, trial.step) == ("gpu_error", 3)
    message = str(trial.failure_message)
    assert message.startswith("The process of this trial ended 3 times without a result; the last time: A check on the")
    assert message.endswith("failed: device-side assert triggered.")
    log = (disturbed.runs / "trials" / trial.id / "failure.txt").read_text()
    assert "in fail" in log
    assert "\x1b" not in log
    assert NO_MORE not in text

    outcome, text = disturbed.run(retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 1), text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_where_the_only_node_fails_twice_the_command_ends_and_nothing_is_recorded_as_failed(
    disturbed: DisturbedSweep,
) -> None:
    told = ECC

    def fail(config, trial_dir, step):
        if step == 5:
            raise RuntimeError(told)

    with pytest.raises(UnfitNodeError) as ended:
        disturbed.run(fail)
    assert "failed twice (uncorrectable ECC error); no more trials run there." in str(ended.value)
    assert "it continues" in str(ended.value)
    assert not list((disturbed.runs / "trials").glob("*/failure.txt"))
    assert 0 < len(disturbed.steps) <= 4

    outcome, text = disturbed.run()
    assert (outcome.exit_code, outcome.ran) == (0, 4), text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def test_a_node_whose_gpu_fails_twice_gets_no_more_trials_and_the_other_node_does_them(
    disturbed: DisturbedSweep, make_cluster: Any, tmp_path: Path
) -> None:
    cluster = make_cluster(num_cpus=0)
    bad, places, all_waited, told = tmp_path / "bad", tmp_path / "places", tmp_path / "waited", ECC
    for _ in range(2):
        cluster.add_node(num_cpus=1)

    def fail(config, trial_dir, step):
        import os
        import time

        import ray

        node = ray.get_runtime_context().get_node_id()
        if step == 3 and not bad.exists():
            bad.with_name(str(os.getpid())).write_text(node)
            bad.with_name(str(os.getpid())).replace(bad)
        with places.open("a") as file:
            file.write(f"{node} {step}\n")
        if step == 5 and node == bad.read_text():
            raise RuntimeError(told)
        # The other node leaves the trials that wait to this one until it has failed twice.
        until = time.monotonic() + 120
        while step == 5 and time.monotonic() < until:
            if places.read_text().count(f"{bad.read_text()} 5\n") >= 2:
                time.sleep(0 if all_waited.exists() else 8)  # for a trial to be put there and to wait for a place here
                all_waited.touch()
                return
            time.sleep(0.1)

    command = disturbed.start(fail, address=cluster.address)
    code, text = disturbed.end(command)
    assert code == 0, text
    assert text.count("failed twice (uncorrectable ECC error); no more trials run there.") == 1, text
    node, lines = bad.read_text(), [line.split() for line in places.read_text().splitlines()]
    failures = [index for index, line in enumerate(lines) if line == [node, "5"]]
    assert len(failures) == 2
    assert node not in {line[0] for line in lines[failures[1] + 1 :]}
    assert len(lines) > failures[1] + 1
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()


def _failing_on_rank_1(engine: Engine, told: str, once: Path | None) -> Engine:
    """Return an engine whose second worker fails before it trains; with `once`, a file that says so, only once."""

    def train(config, dataset, trial_dir, **others):
        import time

        from torch import distributed

        if distributed.get_rank() == 1 and (once is None or not once.exists()):
            if once is not None:
                once.touch()
            time.sleep(0.5)
            raise RuntimeError(told)
        return engine.train(config, dataset, trial_dir, **others)

    return Engine(train, engine.evaluate)


@pytest.mark.parametrize("always", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_group_of_workers_goes_on_after_a_gpu_error_and_fails_by_its_words_where_it_comes_again(
    run: Any, make_sweep: Any, make_engine: Any, tmp_path: Path, always: bool
) -> None:
    sweep: SweepFile = make_sweep(0.1).model_copy(update={"seeds": [0]})
    engine = _failing_on_rank_1(make_engine(), ASSERT if always else ILLEGAL, None if always else tmp_path / "once")
    outcome, text = run(sweep, engine, resources=ResourceRequest(workers=2))
    (row,) = outcome.state.rows
    if not always:
        assert (outcome.exit_code, row.trial.state) == (0, "finished"), text
        assert "an illegal memory access was encountered. It ended the process of the trial" in text
        return
    assert (outcome.exit_code, row.trial.state, row.trial.failure_kind) == (1, "failed", "gpu_error"), text
    assert "device-side assert triggered" in str(row.trial.failure_message)
