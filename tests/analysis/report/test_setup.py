import numpy as np
import pytest

from analysis.comparison.table import overview
from analysis.report.commands import commands
from analysis.report.content import read_report
from analysis.report.courses import read_courses, thinned
from analysis.report.fates import read_fates
from analysis.report.setup import read_environment, read_settings
from analysis.report.values import read_values
from analysis.runs.records import read_trials
from analysis.runs.sweep import read_sweep
from analysis.runs.training_log import Course


@pytest.fixture
def sweep(made):
    return read_sweep(made.runs, "toy")


@pytest.fixture
def trials(made, sweep):
    return read_trials(made.runs, sweep.trial_ids)


def test_settings_are_shared_or_set_variants_apart(sweep, trials, made):
    found = read_settings(sweep, trials)
    assert found.shared == {"training.steps": "40"}
    assert found.keys == ("method",)
    assert found.differing == {name: (name,) for name in (*made.dice, "broken")}
    assert found.overrides == {"data.crop_vox": "8x8x8"}


def test_the_environment_comes_from_files_else_from_records_and_counts_trials(made, sweep, trials, tmp_path):
    facts = {fact.name: fact.values for fact in read_environment(made.runs, sweep, trials)}
    assert facts == {"device": (("cpu", 7),), "git commit": (("abc123", 7),), "torch": (("2.9", 7),)}
    (tmp_path / "trials" / "v0-s0").mkdir(parents=True)
    (tmp_path / "trials" / "v0-s0" / "environment.json").write_text(
        '{"device_name": "H200", "packages": {"torch": "3"}}'
    )
    facts = {fact.name: fact.values for fact in read_environment(tmp_path, sweep, trials)}
    assert facts["device name"] == (("H200", 1), ("not recorded", 6))
    assert facts["torch"] == (("3", 1), ("2.9", 6))


def test_failed_and_open_trials_are_listed_failed_ones_first(write_sweep):
    runs = write_sweep({"ref": {0: None, 1: "nan"}})
    sweep = read_sweep(runs, "toy")
    found = read_fates(sweep, read_trials(runs, sweep.trial_ids))
    assert [(fate.replicate.seed, fate.state, fate.kind, fate.message, fate.steps) for fate in found] == [
        (1, "failed", "nan", "", None),
        (0, "no result yet", "", "", None),
    ]


def test_a_failure_keeps_its_message(sweep, trials):
    (fate,) = read_fates(sweep, trials)
    assert (fate.variant, fate.kind, fate.message, fate.steps) == ("broken", "nan", "<i>NaN</i>", 40)


def test_commands_name_no_folder_of_this_machine(sweep, made):
    lines = [command.line for command in commands(sweep, made.runs, "hearts", "it's")]
    assert lines[0] == "simcvd sweep toy hearts --out runs --seeds 0,1 --set data.crop_vox=8x8x8"
    assert lines[2] == "simcvd tables runs/sweeps/toy --reference 'it'\"'\"'s'"
    assert not any(str(made.runs.parent) in line for line in lines)


def test_thinning_averages_neighbours_and_keeps_a_divergence():
    course = Course(np.arange(1, 7), np.array([1.0, 3.0, 5.0, np.nan, 2.0, 2.0]))
    assert thinned(course, points=3) == ([1.5, 3.5, 5.5], [2.0, None, 2.0])
    assert thinned(course, points=6)[1] == [1.0, 3.0, 5.0, None, 2.0, 2.0]


def test_every_trial_with_a_log_has_its_curves(made, sweep):
    found = read_courses(made.runs, sweep)
    assert [(each.variant, each.replicate.seed) for each in found] == [
        (name, seed) for name in made.dice for seed in (0, 1)
    ]
    steps, values = found[2].curves["loss: dice"]
    assert (steps, values) == ([10, 20, 30, 40], [1.1, 1.05, 1.033, 1.025])
    assert found[0].curves["validation: student dice"][1] == [0.2, 0.4, 0.6, 0.8]


def test_values_are_those_of_the_table_case_by_case(made, sweep):
    values = read_values(made.runs, sweep, overview(made.runs, "toy", two_sided=True))
    assert values.classes == ("mean", "left", "right")
    for place, name in enumerate(values.variants[:3]):
        expected = [made.dice[name][case] for case in values.cases]
        np.testing.assert_allclose(values.values[0, 0, place], expected)
        np.testing.assert_allclose(values.values[0, 1:, place].mean(axis=0), expected)
        np.testing.assert_allclose(np.mean([own[0] for own in values.by_replicate[name].values()], axis=0), expected)
    assert np.isnan(values.values[:, :, 3]).all()


def test_a_swept_number_is_drawn_against_the_score(write_sweep, tmp_path):
    from analysis.runs.records import write_trial

    runs = write_sweep({f"p={p}": {0: [{"case_id": "a", "dice": p}]} for p in (0.0, 0.1, 0.5)}, reference="p=0.1")
    for p in (0.0, 0.1, 0.5):
        row = {"trial_id": f"p={p}-s0", "config_hash": "0", "method": "m", "seed": 0, "status": "finished"}
        write_trial(runs, row | {"setting.projection.dropout": p, "setting.seed": 0})
    found = read_report(runs, "toy").sensitivity
    assert found is not None
    assert found.values == {"p=0.0": 0.0, "p=0.1": 0.1, "p=0.5": 0.5}
    assert "Dropout" in found.label


def test_methods_are_no_numbers_to_draw_against(made):
    assert read_report(made.runs, "toy", cases=False).sensitivity is None


def test_a_report_of_a_sweep_of_which_nothing_is_there_yet(write_sweep):
    report = read_report(write_sweep({"ref": {0: None}}), "toy")
    assert report.values.cases == ()
    assert [fate.state for fate in report.fates] == ["no result yet"]
    assert not report.browser.pictures
