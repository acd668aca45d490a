import numpy as np

from analysis.comparison.scored_sweep import score_sweep
from analysis.report.values import values_of


def test_values_are_those_of_the_table_case_by_case(made):
    values = values_of(score_sweep(made.runs, "toy"))
    assert values.classes == ("mean", "left", "right")
    for place, name in enumerate(values.variants[:3]):
        expected = [made.dice[name][case] for case in values.cases]
        np.testing.assert_allclose(values.values[0, 0, place], expected)
        np.testing.assert_allclose(values.values[0, 1:, place].mean(axis=0), expected)
        np.testing.assert_allclose(np.mean([own[0] for own in values.by_replicate[name].values()], axis=0), expected)
    assert np.isnan(values.values[:, :, 3]).all()
