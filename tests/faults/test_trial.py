"""One trial, from its settings to its records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.runs.records import STATUSES, read_cases, read_trials
from simcvd.config import TrialConfig, apply_settings, load_preset, trial_id
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info
from simcvd.training.run import TrainingFailed
from sweeps.status.trial import read_trial
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.records import TrialStatus
from sweeps.trial.terms import Terms
from tests.faults.conftest import Choose, Hold
from tests.faults.content import files
from tests.faults.replay import Replay, Scene
from tests.sweeps.chaos.chain import make_chain

STEPS = 3
DIFFERING = ("lock", "steps.txt", "log.jsonl", "failure.txt")
"""Files of a trial whose content differs from run to run: who held it, what was done again, where it broke."""

Run = Callable[..., TrialStatus]


@pytest.fixture(scope="module")
def run_trial(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a trial of the chain in a runs folder."""
    dataset = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(dataset, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))

    def run(runs: Path, config: TrialConfig | None = None, engine: Engine | None = None, **terms: Any) -> TrialStatus:
        config = config or apply_settings(load_preset("phantom"), {"training.steps": STEPS})
        identity = trial_id(config, open_info(dataset).digest)
        wanted = Terms(engine=engine or make_chain(), **{"hang_timeout_s": 1800.0} | terms)
        return execute_trial(config, dataset, runs, trial_id=identity, terms=wanted)

    return run


def _records(runs: Path) -> dict[str, Any]:
    return files(runs, without=DIFFERING)


def _shown(runs: Path) -> dict[str, Any]:
    """Return what tables and `simcvd status` take from the runs folder: of finished and failed trials, and no other."""
    rows = read_trials(runs, columns=["trial_id", "status", "failure_kind", "steps"])
    states = [read_trial(runs, identity) for identity in rows["trial_id"]]
    shown = {f"row {row.trial_id}": repr(row) for row in rows.itertuples(index=False) if row.status != "interrupted"}
    over = {each.id: (each.state, each.dice, each.failure_kind) for each in states if each.state in STATUSES}
    over = {identity: shown for identity, shown in over.items() if shown[0] != "interrupted"}
    finished = [identity for identity, (state, *_) in over.items() if state == "finished"]
    cases = {"cases": read_cases(runs, finished).to_csv()} if finished else {}
    return shown | over | cases


def _steps(runs: Path) -> int:
    return sum(len(path.read_text().split()) for path in runs.glob("trials/*/steps.txt"))


def _breaking() -> Engine:
    """Return an engine whose loss is no number at step 2."""

    def fault(config: TrialConfig, folder: Path, step: int) -> None:
        if step == 2:
            raise TrainingFailed("nan", "The loss term sdm is nan at step 2.")

    return make_chain(fault)


@pytest.fixture
def scenes(run_trial: Run) -> dict[str, Scene]:
    """The trials to disturb, by name."""

    def ends(state: str, **terms: Any) -> Callable[[Path], None]:
        def run(runs: Path) -> None:
            status = run_trial(runs, **terms)
            assert status.state == state, status

        return run

    def scene(run: Callable[[Path], Any], **more: Any) -> Scene:
        # A step that was done and not yet saved is done again: the interval of these checkpoints.
        return Scene(run, _records, _shown, work=_steps, most_again=1, **more)

    validated, failed = ends("validated", test=False), ends("failed", engine=_breaking())
    retried = ends("finished", retry_failed=True)
    return {
        "finished": scene(ends("finished")),
        "validated": scene(validated),
        "tested": scene(ends("finished"), begin=validated),
        "failed": scene(failed),
        "retried": scene(retried, begin=failed),
        "failed-once": scene(failed, again=retried),
    }


@pytest.mark.parametrize("most", [8, pytest.param(60, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("name", ["finished", "validated", "tested", "failed", "retried", "failed-once"])
def test_a_trial_comes_to_the_same_records_whatever_its_files_met(
    name: str, most: int, scenes: dict[str, Scene], hold: Hold
) -> None:
    hold(scenes[name], f"pytest tests/faults/test_trial.py -k {name}-", most)


@pytest.mark.slow
def test_a_trial_whose_process_is_really_killed_comes_to_the_same_records(
    scenes: dict[str, Scene], place: Path, choose: Choose
) -> None:
    replay = Replay(scenes["finished"], place, "pytest tests/faults/test_trial.py -k really")
    kills = [fault for fault in replay.undisturbed() if fault.kind.kills and not fault.kind.keeps_locks]
    replay.all(choose(kills, 20), in_child=True)
