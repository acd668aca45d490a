from analysis.report.unfinished import unfinished_trials
from analysis.runs.records import read_trials
from analysis.runs.sweep import read_sweep


def test_failed_and_open_trials_are_listed_failed_ones_first(write_sweep):
    runs = write_sweep({"ref": {0: None, 1: "nan"}})
    sweep = read_sweep(runs, "toy")
    found = unfinished_trials(sweep, read_trials(runs, sweep.trial_ids))
    assert [(trial.replicate.seed, trial.state, trial.kind, trial.message, trial.steps) for trial in found] == [
        (1, "failed", "nan", "", None),
        (0, "no result yet", "", "", None),
    ]


def test_a_failure_keeps_its_message(made):
    sweep = read_sweep(made.runs, "toy")
    (trial,) = unfinished_trials(sweep, read_trials(made.runs, sweep.trial_ids))
    assert (trial.variant, trial.kind, trial.message, trial.steps) == ("broken", "nan", "<i>NaN</i>", 40)
