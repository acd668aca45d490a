import json
import re

import pytest

from sweeps.definition.catalogue import load_sweep
from sweeps.definition.expand import all_trials
from sweeps.plan import plan_sweep, write_resolved
from sweeps.prediction.cost_class import training_class
from sweeps.prediction.costs import TRIAL_S
from sweeps.request import Budget
from sweeps.status.trial import TrialState
from tests.asked import asked
from tests.sweeps.prediction.looking import look, sweep_of, text_of


def test_gpus_are_counted_as_trials_share_them(dataset, tmp_path, probe, machine):
    machine(gpus=0.5, slots=4)
    found = look(dataset, tmp_path)
    assert found.processor_hours == pytest.approx(4 * (TRIAL_S + 10) / 3600 / 2)
    content = found.to_dict()["predicted"]
    assert content["gpu_hours"] == found.processor_hours
    assert content["cpu_core_hours"] is None
    assert "GPU-hours in all; 23 s on this machine's 2 GPUs, 4 trials at a time." in " ".join(text_of(found).split())


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
    sweep = sweep_of(values=(0.0, 0.1, 0.2))
    found = look(dataset, tmp_path, sweep)
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
    assert "6 trials: 3 to run, 1 done, 1 elsewhere, 1 failed." in " ".join(text_of(found, width=200).split())

    found = look(dataset, tmp_path, sweep, retry_failed=True)
    again = next(line for line in found.lines if line.state == "failed")
    assert (again.action, again.told) == ("again", "run again (failed: nan)")
    assert again.seconds == pytest.approx(TRIAL_S + 10), "it starts anew"


def test_a_trial_that_another_sweep_finished_is_told_as_shared(dataset, tmp_path, probe, machine, states):
    states({("sdm=0.0", 0): TrialState("a", "finished", 100, 100)})
    other = sweep_of(name="other")
    write_resolved(request := asked(other, dataset, tmp_path), plan_sweep(request).variants)
    found = look(dataset, tmp_path)
    assert [line.told for line in found.lines if line.action == "skip"] == ["shared: finished by other"]
    write_resolved(request := asked(sweep_of(), dataset, tmp_path), plan_sweep(request).variants)
    found = look(dataset, tmp_path)
    assert [line.told for line in found.lines if line.action == "skip"] == ["finished"], "this sweep's own by now"


def test_a_kind_that_does_not_fit_is_told_and_costs_nothing_else(dataset, tmp_path, probe, machine):
    trials = all_trials(plan_sweep(asked(sweep_of(), dataset, tmp_path)).variants)
    probe.fails = training_class(next(trial.config for trial in trials if trial.variant == "sdm=0.1"))
    found = look(dataset, tmp_path)
    assert found.failures() == {"does not fit into the GPU": ["sdm=0.1"]}
    assert found.seconds == pytest.approx(2 * (TRIAL_S + 10))
    text = text_of(found)
    assert "Not predicted, does not fit into the GPU: sdm=0.1." in text
    assert len(re.findall(r"^sdm=0.1 .*\?  $", text, re.M)) == 2


def test_the_whole_paper_counts_rows_variants_and_trials_once(dataset, tmp_path):
    found = look(dataset, tmp_path, load_sweep("paper"), budget=Budget(probe_steps=0), preset="la", overrides={})
    content = found.to_dict()
    assert (content["tables"], content["rows"], content["cells"]) == (6, 38, 152)
    assert (content["variants"], content["trials"], content["to_run"]) == (32, 96, 96)
    assert found.headings["SimCVD"] == ("methods", "components", "losses", "dropout", "pooling", "augmentations")
    assert found.headings["UA-MT"] == ("methods", "components")
    json.dumps(content)
    text = text_of(found, width=70)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 70
    assert len(re.findall(r" 0,1,2  3 run ", text)) == 32
    assert "SimCVD stands in 6 tables" in text
