import pytest

from simcvd.errors import UserError
from sweeps.plan import plan_sweep
from sweeps.prediction import dry_run as ahead
from sweeps.prediction.costs import RAY_S, TRIAL_S
from sweeps.prediction.dry_run import afford
from sweeps.request import Budget
from tests.asked import asked
from tests.sweeps.crops import without_crops
from tests.sweeps.prediction.looking import look, sweep_of, text_of


def test_a_dry_run_predicts_each_trial_and_their_sum_and_writes_nothing(dataset, tmp_path, probe, machine):
    found = look(dataset, tmp_path)
    each = TRIAL_S + 10
    assert [line.seconds for line in found.lines] == [pytest.approx(each)] * 4
    assert found.seconds == pytest.approx(4 * each)
    assert found.processor_hours == pytest.approx(4 * each / 3600)
    assert found.wall_seconds == pytest.approx(RAY_S + 2 * each)
    assert (found.kinds, found.rows, without_crops(found.notices)) == (2, 2, ())
    assert list(tmp_path.iterdir()) == []


def test_crops_beyond_the_data_are_told_with_or_without_measuring(dataset, tmp_path, probe, machine):
    for budget in (Budget(), Budget(probe_steps=0)):
        (notice,) = look(dataset, tmp_path, budget=budget).notices
        assert notice.startswith("The crop of 32 x 32 x 32 voxels exceeds every training case along X and Y and Z")


def test_times_measured_on_a_busy_machine_are_told_as_too_long(dataset, tmp_path, probe, machine, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    machine(load=3.04)
    found = look(dataset, tmp_path)
    assert found.notices[0].startswith("Other programs kept 3.0 of this machine's 8 CPUs busy")
    machine(gpus=1.0, load=3.04)
    assert without_crops(look(dataset, tmp_path).notices) == (), "a GPU does not mind"
    machine(load=1.9)
    assert without_crops(look(dataset, tmp_path).notices) == ()


def test_without_steps_nothing_is_measured_nor_predicted(dataset, tmp_path, probe, monkeypatch):
    monkeypatch.setattr(ahead, "measuring_machine", lambda request: pytest.fail("asked for the machine"))
    found = look(dataset, tmp_path, budget=Budget(probe_steps=0))
    assert probe.calls == 0
    assert found.seconds is found.processor_hours is found.wall_seconds is None
    assert "Predicted" not in text_of(found)


def test_what_a_budget_leaves_out_waits(dataset, tmp_path, probe, machine):
    found = look(dataset, tmp_path, budget=Budget(max_trials=3))
    assert [line.action for line in found.lines] == ["run", "run", "run", "wait"]
    assert without_crops(found.notices) == ("--max-trials 3: 1 of 4 trials wait.",)
    machine(gpus=1.0)
    two = 2.5 * (TRIAL_S + 10) / 3600
    found = look(dataset, tmp_path, budget=Budget(gpu_hours=two))
    assert [line.action for line in found.lines] == ["run", "run", "wait", "wait"]
    assert len(without_crops(found.notices)) == 1


def test_hours_of_gpu_are_refused_on_the_cpu_before_anything_is_measured(dataset, tmp_path, probe, machine):
    with pytest.raises(UserError, match="--gpu-hours is 1, but trials run on the CPU"):
        look(dataset, tmp_path, budget=Budget(gpu_hours=1))
    with pytest.raises(UserError, match="--gpu-hours is 1, but trials run on the CPU"):
        afford(plan_sweep(asked(sweep_of(), dataset, tmp_path)), asked(sweep_of(), dataset, tmp_path, gpu_hours=1))
    assert probe.calls == 0


def test_a_command_runs_what_it_can_afford(dataset, tmp_path, probe, machine):
    plan = plan_sweep(asked(sweep_of(), dataset, tmp_path))
    reduced, choice, _ = afford(plan, asked(sweep_of(), dataset, tmp_path, max_trials=1))
    assert [trial.id for trial in reduced.pending] == [plan.pending[0].id]
    assert len(choice.left_out) == 3
    assert probe.calls == 0, "a number of trials needs no prediction"
    machine(gpus=1.0)
    said = []
    hours = 2.5 * (TRIAL_S + 10) / 3600 + 0.01
    reduced, choice, left = afford(plan, asked(sweep_of(), dataset, tmp_path, gpu_hours=hours), tell=said.append)
    assert len(reduced.pending) == 3 - 1
    assert left.gpu_hours == pytest.approx(hours - 0.01), "36 s of measuring are spent"
    assert said[0].startswith("Measuring a few steps")
    assert said[1:] == list(choice.notices)
