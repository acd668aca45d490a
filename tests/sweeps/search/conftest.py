from collections.abc import Callable
from typing import Any

import pytest

from simcvd.config import TrialConfig, load_preset
from simcvd.metrics.names import DISTANCES, SURFACE_DICES
from sweeps.definition.search_space import Space, Strategy
from sweeps.search.plan import SearchPlan
from sweeps.trial.engine import Engine

MakePlan = Callable[..., SearchPlan]


@pytest.fixture
def make_plan() -> MakePlan:
    """Return a factory of searches over the weight of the SDM loss and the pooling size."""

    def make(base: TrialConfig | None = None, **strategy: Any) -> SearchPlan:
        space = {
            "loss.sdm": Space(loguniform=[0.01, 1.0]),
            "projection.pool_size": Space(choice=[16, 64]),
        }
        return SearchPlan("mine", base or load_preset("phantom"), "digest", space, Strategy(**strategy), "dice")

    return make


@pytest.fixture(scope="session")
def make_engine() -> Callable[..., Engine]:
    """Return a factory of engines that train nothing: closures, so that Ray's workers need not import this file.

    On val cases a setting is the better the nearer `loss.sdm` is to 0.3, and the longer it is trained; on test cases it
    is the other way round, so that whoever looks there chooses wrong. Each step and each scored test case is noted in
    the trial's folder. `loss.sdm` from 0.7 on is NaN.
    """

    def make(step_s: float = 0.0) -> Engine:
        def quality(config, case):
            return 0.9 - abs(config.loss.sdm - 0.3) - 1 / config.training.steps + case / 1000

        def score(case_id, dice):
            from types import SimpleNamespace

            missing = dict.fromkeys((*DISTANCES, *SURFACE_DICES))
            voxels = {
                "predicted_voxels": 60,
                "reference_voxels": 64,
                "empty_prediction": False,
                "empty_reference": False,
            }
            return SimpleNamespace(
                case_id=case_id, class_id=1, class_name="box", dice=dice, jaccard=dice / (2 - dice), **missing, **voxels
            )

        def train(config, dataset, trial_dir, *, should_stop, report=None, judge=None, **others):
            import json
            import time
            from types import SimpleNamespace

            from simcvd.training.interruption import Interrupted, Stopped
            from simcvd.training.run import TrainingFailed

            checkpoint = trial_dir / "checkpoint" / "last.pt"
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            (trial_dir / "sdm.txt").write_text(str(config.loss.sdm))
            first = int(checkpoint.read_text()) if checkpoint.exists() else 0
            val = [score(f"case{index}", quality(config, index)) for index in range(2, 3)]
            for step in range(first + 1, config.training.steps + 1):
                time.sleep(step_s)
                if config.loss.sdm >= 0.7:
                    raise TrainingFailed("nan", f"The loss term sdm is nan at step {step}.")
                with (trial_dir / "steps.txt").open("a") as file:
                    file.write(f"{step}\n")
                line = {"step": step, "steps": config.training.steps, "seconds": 0.1 * step}
                with (trial_dir / "log.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
                ended = judge is not None and step in judge.steps and not judge(step, val)
                checkpoint.with_suffix(".tmp").write_text(str(step))
                checkpoint.with_suffix(".tmp").replace(checkpoint)
                if ended:
                    raise Stopped(f"Ended after step {step}.")
                if should_stop() and step < config.training.steps:
                    raise Interrupted(f"Stopped after step {step}.")
            (trial_dir / "student.safetensors").write_text("weights")
            return SimpleNamespace(steps=config.training.steps, seconds=0.1, val_scores=val)

        def evaluate(trial_dir, dataset, split, *, device, on_case=None, **others):
            (trial_dir / "tested.txt").write_text(split)
            sdm = float((trial_dir / "sdm.txt").read_text())
            return [score(f"case{index}", 0.4 + abs(sdm - 0.3) / 2 + index / 100) for index in (3, 4, 5)]

        return Engine(train, evaluate)

    return make
