import numpy as np

from analysis.report.curves import read_curves, thinned
from analysis.runs.sweep import read_sweep
from analysis.runs.training_log import Course


def test_thinning_averages_neighbours_and_keeps_a_divergence():
    course = Course(np.arange(1, 7), np.array([1.0, 3.0, 5.0, np.nan, 2.0, 2.0]))
    assert thinned(course, points=3) == ([1.5, 3.5, 5.5], [2.0, None, 2.0])
    assert thinned(course, points=6)[1] == [1.0, 3.0, 5.0, None, 2.0, 2.0]


def test_every_trial_with_a_log_has_its_curves(made):
    found = read_curves(made.runs, read_sweep(made.runs, "toy"))
    assert [(each.variant, each.replicate.seed) for each in found] == [
        (name, seed) for name in made.dice for seed in (0, 1)
    ]
    steps, values = found[2].losses["dice"]
    assert (steps, values) == ([10, 20, 30, 40], [1.1, 1.05, 1.033, 1.025])
    assert found[0].scores["student dice"][1] == [20, 40, 60, 80]
