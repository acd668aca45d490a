"""A tiny data set and tunings of it in this process, with real trainings of a few steps."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from simcvd.data.phantom import write_phantom
from simcvd.training.interruption import Stopped
from sweeps.definition.changes import Changes
from sweeps.request import Budget, SweepRequest
from sweeps.resources.request import ResourceRequest
from sweeps.trial.engine import Engine, default_engine
from sweeps.tuning.forecast import Forecast
from sweeps.tuning.request import TuneRequest
from sweeps.tuning.run import TuneOutcome, run_tune
from sweeps.tuning.stages import placeholder
from tests.tiny_trial import NARROW
from tests.without_ray import without_ray

TINY = NARROW | {
    "network.dropout_last": 0.0,
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [16, 16, 16],
    "training.steps": 3,
}


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "phantom"
    write_phantom(folder, labeled=4, unlabeled=2, val=2, test=5, shape=(16, 16, 16))
    return folder


@dataclass
class Counting:
    """Counts how often each trial's training began and ended; the `stop_at`-th one is cut off as by Ctrl-C."""

    stop_at: int | None = None
    begun: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    @property
    def engine(self) -> Engine:
        real = default_engine()

        def train(config: Any, dataset: Path, trial_dir: Path, **others: Any) -> Any:
            if self.begun.total() == self.stop_at:
                raise KeyboardInterrupt
            self.begun[trial_dir.name] += 1
            try:
                outcome = real.train(config, dataset, trial_dir, **others)
            except Stopped:  # by the search, since others do better
                self.ended[trial_dir.name] += 1
                raise
            self.ended[trial_dir.name] += 1
            return outcome

        return Engine(train, real.evaluate)


@dataclass(frozen=True)
class Tuned:
    """How a tuning ended, and what it printed."""

    outcome: TuneOutcome
    text: str


Tune = Callable[..., Tuned]


def request_of(dataset: Path, runs: Path, *, time_s: float | None = None, **asked: Any) -> TuneRequest:
    """Return what a command asks for: three settings of tiny trainings, compared on two seeds."""
    base = SweepRequest(
        sweep=placeholder("mine"),
        dataset=dataset,
        runs=runs,
        changes=Changes(overrides=TINY | asked.pop("overrides", {}), preset="phantom"),
        resources=ResourceRequest(device="cpu"),
        budget=Budget(time_s=time_s),
    )
    return TuneRequest("mine", base, **{"trials": 3, "seeds": 2, "folds": 0, **asked})


@contextmanager
def tuning_in_process(dataset: Path, folder: Path) -> Iterator[Tune]:
    """Yield what tunes without Ray and without measuring: a trial is said to take a second."""

    def prove(request: SweepRequest, info: Any, configs: Any, *others: Any, **named: Any) -> Forecast:
        costs: Any = SimpleNamespace(trial_seconds=lambda config, info: 1.0)
        own = {method: config for method, config in configs.items() if method != "supervised"}
        return Forecast(info, own or configs, configs["supervised"], costs, 1, {}, 0.0)

    def call(counting: Counting | None = None, runs: Path = folder / "runs", **asked: Any) -> Tuned:
        out = io.StringIO()
        console = Console(file=out, width=200)
        engine = (counting or Counting()).engine
        return Tuned(run_tune(request_of(dataset, runs, **asked), console=console, engine=engine), out.getvalue())

    with without_ray(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.tuning.run.told_ray", lambda address, console: nullcontext())
        patch.setattr("sweeps.tuning.opened.prove", prove)
        yield call


@pytest.fixture
def tune(phantom: Path, tmp_path: Path) -> Iterator[Tune]:
    with tuning_in_process(phantom, tmp_path) as call:
        yield call
