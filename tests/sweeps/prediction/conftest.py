"""What stands in for measuring, for the machine and for the files of trials."""

from dataclasses import dataclass

import pytest

from simcvd.data.phantom import write_phantom
from sweeps.prediction import dry_run as ahead
from sweeps.prediction.cost_class import inference_class, training_class
from sweeps.prediction.costs import Costs, InferenceCost, ProbeFailure, StageCost, TrainingCost
from sweeps.resources.machine import Machine
from sweeps.resources.share import Placement
from sweeps.status.sweep import SweepState, TrialRow
from sweeps.status.trial import TrialState


@dataclass
class FakeProbe:
    """Every step takes `step_s`, but those of a class that `fails`."""

    step_s: float = 0.1
    fails: str | None = None
    calls: int = 0

    def __call__(self, configs, dataset, placement, slots, *, steps, progress=None):
        self.calls += 1
        training = {}
        for config in configs:
            cost = TrainingCost((StageCost(0.0, self.step_s),))
            if self.fails is not None and training_class(config) == self.fails:
                cost = ProbeFailure("out_of_memory", "does not fit into the GPU")
            training[training_class(config)] = cost
        return Costs(training, {inference_class(config): InferenceCost(0.0) for config in configs}, seconds=36.0)


@pytest.fixture
def probe(monkeypatch):
    fake = FakeProbe()
    monkeypatch.setattr(ahead, "probe", fake)
    return fake


@pytest.fixture
def machine(monkeypatch):
    """Stand on a machine with GPUs or without."""

    def on(gpus=0.0, slots=2, load=0.0):
        monkeypatch.setattr(ahead, "measuring_machine", lambda request: Machine(Placement(gpus=gpus), slots, slots))
        monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))

    on()
    return on


@pytest.fixture
def states(monkeypatch):
    """Let trials stand as told, by variant and seed."""

    def stand(told):
        from sweeps.status.sweep import SweepReader

        def read(reader):
            rows = [
                TrialRow(
                    planned, told.get((planned.variant, planned.seed), TrialState(planned.id, "waiting", steps=100))
                )
                for planned in reader.planned
            ]
            return SweepState("mine", tuple(rows))

        monkeypatch.setattr(SweepReader, "read", read)

    return stand


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """A data set to measure on."""
    folder = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(folder, labeled=2, unlabeled=2, val=1, test=1, shape=(24, 24, 24))
    return folder
