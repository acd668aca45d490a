import io
import json
import re
from dataclasses import dataclass

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile, load_sweep
from sweeps.definition.expand import all_trials
from sweeps.plan import plan_sweep, write_resolved
from sweeps.prediction import dry_run as ahead
from sweeps.prediction.budget import Budget
from sweeps.prediction.cost_class import inference_class, training_class
from sweeps.prediction.costs import RAY_S, TRIAL_S, Costs, InferenceCost, ProbeFailure, StageCost, TrainingCost
from sweeps.prediction.dry_run import afford, dry_run
from sweeps.prediction.show import show
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.status.sweep import Row, SweepState
from sweeps.status.trial import TrialState

BASE = {"preset": "phantom", "training.steps": 100, "training.gradient_norms_every_steps": None}


def _sweep(values=(0.0, 0.1), **content):
    axes = {"loss.sdm": list(values)}
    return SweepFile.model_validate({"name": "mine", "axes": axes, "base": BASE, "seeds": [0, 1]} | content)


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
        monkeypatch.setattr(ahead, "local_placement", lambda request: (Placement(gpus=gpus), slots))
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
                Row(planned, told.get((planned.variant, planned.seed), TrialState(planned.id, "waiting", steps=100)))
                for planned in reader._planned
            ]
            return SweepState("mine", tuple(rows))

        monkeypatch.setattr(SweepReader, "read", read)

    return stand


def _ahead(dataset, tmp_path, sweep=None, **given):
    return dry_run(sweep or _sweep(), dataset, tmp_path, request=ResourceRequest(), **given)


def _text(preview, width=80, **given):
    out = io.StringIO()
    show(preview, Console(file=out, width=width), **given)
    return out.getvalue()


def test_a_dry_run_predicts_each_trial_and_their_sum_and_writes_nothing(dataset, tmp_path, probe, machine):
    found, notices = _ahead(dataset, tmp_path)
    each = TRIAL_S + 10
    assert [line.seconds for line in found.lines] == [pytest.approx(each)] * 4
    assert found.seconds == pytest.approx(4 * each)
    assert found.processor_hours == pytest.approx(4 * each / 3600)
    assert found.wall_seconds == pytest.approx(RAY_S + 2 * each)
    assert (found.kinds, found.rows, notices) == (2, 2, ())
    assert list(tmp_path.iterdir()) == []


def test_gpus_are_counted_as_trials_share_them(dataset, tmp_path, probe, machine):
    machine(gpus=0.5, slots=4)
    found, _ = _ahead(dataset, tmp_path)
    assert found.processor_hours == pytest.approx(4 * (TRIAL_S + 10) / 3600 / 2)
    content = found.to_dict()["predicted"]
    assert content["gpu_hours"] == found.processor_hours
    assert content["cpu_core_hours"] is None
    assert "GPU-hours in all; 23 s on this machine's 2 GPUs, 4 trials at a time." in " ".join(_text(found).split())


def test_times_measured_on_a_busy_machine_are_told_as_too_long(dataset, tmp_path, probe, machine, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    machine(load=3.04)
    _, notices = _ahead(dataset, tmp_path)
    assert notices[0].startswith("Other programs kept 3.0 of this machine's 8 CPUs busy")
    machine(gpus=1.0, load=3.04)
    assert _ahead(dataset, tmp_path)[1] == (), "a GPU does not mind"
    machine(load=1.9)
    assert _ahead(dataset, tmp_path)[1] == ()


def test_without_steps_nothing_is_measured_nor_predicted(dataset, tmp_path, probe, monkeypatch):
    monkeypatch.setattr(ahead, "local_placement", lambda request: pytest.fail("asked for the machine"))
    found, _ = _ahead(dataset, tmp_path, budget=Budget(probe_steps=0))
    assert probe.calls == 0
    assert found.seconds is found.processor_hours is found.wall_seconds is None
    assert "Predicted" not in _text(found)


def test_every_state_says_what_happens(dataset, tmp_path, probe, machine, states):
    told = {
        ("sdm=0.0", 0): TrialState("a", "finished", 100, 100),
        ("sdm=0.0", 1): TrialState("b", "failed", 7, 100, failure_kind="nan"),
        ("sdm=0.1", 0): TrialState("c", "interrupted", 40, 100),
        ("sdm=0.1", 1): TrialState("d", "running", 40, 100),
        ("sdm=0.2", 0): TrialState("e", "validated", 100, 100),
        ("sdm=0.2", 1): TrialState("f", "stopped", 60, 100),
    }
    states(told)
    sweep = _sweep(values=(0.0, 0.1, 0.2))
    found, _ = _ahead(dataset, tmp_path, sweep)
    actions = {(line.variant, line.seed): (line.action, line.told) for line in found.lines}
    assert actions == {
        ("sdm=0.0", 0): ("skip", "finished"),
        ("sdm=0.0", 1): ("skip", "failed (nan); --retry-failed"),
        ("sdm=0.1", 0): ("continue", "continue at step 40"),
        ("sdm=0.1", 1): ("elsewhere", "another command runs it"),
        ("sdm=0.2", 0): ("score", "score test cases"),
        ("sdm=0.2", 1): ("continue", "continue at step 60"),
    }
    seconds = {(line.variant, line.seed): line.seconds for line in found.lines}
    assert seconds["sdm=0.1", 0] == pytest.approx(TRIAL_S + 6)
    assert seconds["sdm=0.2", 0] == pytest.approx(TRIAL_S)
    assert seconds["sdm=0.0", 0] is seconds["sdm=0.1", 1] is None
    assert "6 trials: 3 to run, 1 done, 1 elsewhere, 1 failed." in " ".join(_text(found, width=200).split())

    found, _ = _ahead(dataset, tmp_path, sweep, retry_failed=True)
    again = next(line for line in found.lines if line.state == "failed")
    assert (again.action, again.told) == ("again", "run again (failed: nan)")
    assert again.seconds == pytest.approx(TRIAL_S + 10), "it starts anew"


def test_a_trial_that_another_sweep_finished_is_told_as_shared(dataset, tmp_path, probe, machine, states):
    states({("sdm=0.0", 0): TrialState("a", "finished", 100, 100)})
    other = _sweep(name="other")
    write_resolved(tmp_path / "sweeps" / "other", other, plan_sweep(other, dataset, tmp_path).variants, dataset)
    found, _ = _ahead(dataset, tmp_path)
    assert [line.told for line in found.lines if line.action == "skip"] == ["shared: finished by other"]
    write_resolved(tmp_path / "sweeps" / "mine", _sweep(), plan_sweep(_sweep(), dataset, tmp_path).variants, dataset)
    found, _ = _ahead(dataset, tmp_path)
    assert [line.told for line in found.lines if line.action == "skip"] == ["finished"], "this sweep's own by now"


def test_a_kind_that_does_not_fit_is_told_and_costs_nothing_else(dataset, tmp_path, probe, machine):
    trials = all_trials(plan_sweep(_sweep(), dataset, tmp_path).variants)
    probe.fails = training_class(next(trial.config for trial in trials if trial.variant == "sdm=0.1"))
    found, _ = _ahead(dataset, tmp_path)
    assert found.failures() == {"does not fit into the GPU": ["sdm=0.1"]}
    assert found.seconds == pytest.approx(2 * (TRIAL_S + 10))
    text = _text(found)
    assert "Not predicted, does not fit into the GPU: sdm=0.1." in text
    assert len(re.findall(r"^sdm=0.1 .*\?  $", text, re.M)) == 2


def test_what_a_budget_leaves_out_waits(dataset, tmp_path, probe, machine):
    found, notices = _ahead(dataset, tmp_path, budget=Budget(max_trials=3))
    assert [line.action for line in found.lines] == ["run", "run", "run", "wait"]
    assert notices == ("--max-trials 3: 1 of 4 trials wait.",)
    machine(gpus=1.0)
    two = 2.5 * (TRIAL_S + 10) / 3600
    found, notices = _ahead(dataset, tmp_path, budget=Budget(gpu_hours=two))
    assert [line.action for line in found.lines] == ["run", "run", "wait", "wait"]
    assert len(notices) == 1


def test_hours_of_gpu_are_refused_on_the_cpu_before_anything_is_measured(dataset, tmp_path, probe, machine):
    with pytest.raises(UserError, match="--gpu-hours is 1, but trials run on the CPU"):
        _ahead(dataset, tmp_path, budget=Budget(gpu_hours=1))
    with pytest.raises(UserError, match="--gpu-hours is 1, but trials run on the CPU"):
        afford(plan_sweep(_sweep(), dataset, tmp_path), dataset, ResourceRequest(), Budget(gpu_hours=1))
    assert probe.calls == 0


def test_a_command_runs_what_it_can_afford(dataset, tmp_path, probe, machine):
    plan = plan_sweep(_sweep(), dataset, tmp_path)
    reduced, choice, _ = afford(plan, dataset, ResourceRequest(), Budget(max_trials=1))
    assert [trial.id for trial in reduced.pending] == [plan.pending[0].id]
    assert len(choice.left_out) == 3
    assert probe.calls == 0, "a number of trials needs no prediction"
    machine(gpus=1.0)
    said = []
    hours = 2.5 * (TRIAL_S + 10) / 3600 + 0.01
    reduced, choice, left = afford(plan, dataset, ResourceRequest(), Budget(gpu_hours=hours), tell=said.append)
    assert len(reduced.pending) == 3 - 1
    assert left.gpu_hours == pytest.approx(hours - 0.01), "36 s of measuring are spent"
    assert said[0].startswith("Measuring a few steps")
    assert said[1:] == list(choice.notices)


def test_the_whole_paper_counts_rows_variants_and_trials_once(dataset, tmp_path):
    found, _ = _ahead(dataset, tmp_path, load_sweep("paper"), budget=Budget(probe_steps=0), preset="la", overrides={})
    content = found.to_dict()
    assert (content["tables"], content["rows"], content["cells"]) == (6, 38, 152)
    assert (content["variants"], content["trials"], content["to_run"]) == (32, 96, 96)
    assert found.headings["SimCVD"] == ("methods", "components", "losses", "dropout", "pooling", "augmentations")
    assert found.headings["UA-MT"] == ("methods", "components")
    json.dumps(content)
    text = _text(found, width=70)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 70
    assert len(re.findall(r" 0,1,2  3 run ", text)) == 32
    assert "SimCVD stands in 6 tables" in text


def test_rows_are_shared_with_settings_of_the_command_too(dataset, tmp_path):
    overrides = {"data.labeled": 1, "loss.sdm": 0}
    found, _ = _ahead(
        dataset, tmp_path, load_sweep("paper"), budget=Budget(probe_steps=0), preset="la", overrides=overrides
    )
    assert found.rows == 38
    assert "losses" in found.headings["SimCVD"]


def test_few_trials_have_a_line_each_with_their_draw_of_labels(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("sweeps.definition.label_splits.labeled_cases", lambda *_: [])
    found, _ = _ahead(dataset, tmp_path, _sweep(seeds=[0]), budget=Budget(probe_steps=0), label_splits=[3, 5])
    text = _text(found, width=60)
    assert text.splitlines()[0].split() == ["variant", "seed", "labels", "what", "time"]
    assert [line.split()[:4] for line in text.splitlines()[1:5]] == [
        ["sdm=0.0", "0", "3", "run"],
        ["sdm=0.0", "0", "5", "run"],
        ["sdm=0.1", "0", "3", "run"],
        ["sdm=0.1", "0", "5", "run"],
    ]


def test_a_time_budget_says_how_many_trials_end_in_it(dataset, tmp_path, probe, machine):
    found, _ = _ahead(dataset, tmp_path)
    text = _text(found, time_budget_s=RAY_S + 1.5 * (TRIAL_S + 10))
    assert "about 2 of 4 end within it." in " ".join(text.split())
