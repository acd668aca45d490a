import numpy as np
import pytest
from scipy import stats

from analysis.runs.tried_setting import TriedSetting, read_setting, write_setting
from sweeps.definition.search_space import Strategy
from sweeps.search.rungs import Rung, RungEntry, RungJudge, among_best, by_case, not_worse, read_rung, write_rung


def _cases(values):
    return {f"case{index}": float(value) for index, value in enumerate(values)}


@pytest.mark.parametrize("reduction", [2, 3, 4])
def test_about_one_in_reduction_goes_on_once_many_are_known(reduction):
    values = np.random.default_rng(0).random(300)
    gone_on = sum(
        among_best(value, [*values[:150], *values[150:][:index]], reduction) for index, value in enumerate(values[150:])
    )
    assert gone_on == pytest.approx(150 / reduction, rel=0.25)


def test_equal_values_go_on_together():
    assert among_best(0.5, [0.5, 0.5, 0.5], 3)


def test_a_decision_stays_and_the_base_always_goes_on(tmp_path):
    rung = Rung(tmp_path, 40, Strategy())
    assert rung.goes_on(3, _cases([0.8, 0.8]))
    assert not rung.goes_on(1, _cases([0.7, 0.7]))
    assert rung.goes_on(0, _cases([0.1, 0.1]))  # the base
    for number in range(4, 9):
        rung.goes_on(number, _cases([0.2, 0.2]))
    assert not rung.goes_on(1, _cases([0.7, 0.7]))  # would be third of eight now
    assert rung.goes_on(9, _cases([0.7, 0.7]))


def test_what_was_reached_is_on_file_before_the_answer(tmp_path):
    Rung(tmp_path, 40, Strategy()).goes_on(2, _cases([0.5, 0.7]))
    assert read_rung(tmp_path, 40) == {2: RungEntry(0.6, _cases([0.5, 0.7]), True)}


def test_a_torn_rung_file_is_passed_over(tmp_path):
    write_rung(tmp_path, 40, 1, RungEntry(0.6, _cases([0.6]), True))
    (tmp_path / "rungs" / "40" / "2.json").write_text('{"value": 0.')
    assert list(read_rung(tmp_path, 40)) == [1]


def test_the_wilcoxon_pruner_ends_what_is_worse_on_the_same_cases_only():
    generator = np.random.default_rng(1)
    hard = generator.normal(0.7, 0.2, 20)  # cases differ far more than settings do
    worse, alike = hard - 0.02 + generator.normal(0, 0.01, 20), hard + generator.normal(0, 0.01, 20)
    assert stats.wilcoxon(worse, hard, alternative="less").pvalue < 0.01
    assert stats.ttest_ind(worse, hard, alternative="less").pvalue > 0.1
    assert not not_worse(_cases(worse), _cases(hard), 0.1)
    assert not_worse(_cases(alike), _cases(hard), 0.01)
    assert not_worse(_cases(hard), _cases(worse), 0.1)


def test_the_wilcoxon_pruner_compares_with_the_best_at_that_rung(tmp_path):
    rung = Rung(tmp_path, 40, Strategy(pruner="wilcoxon"))
    good = np.linspace(0.6, 0.9, 12)
    assert rung.goes_on(0, _cases(good - 0.3))
    assert rung.goes_on(1, _cases(good))
    assert not rung.goes_on(2, _cases(good - 0.1))
    assert rung.goes_on(3, _cases(good + 0.1))


class _Score:
    def __init__(self, case_id, dice):
        self.case_id, self.dice = case_id, dice


def test_the_judge_averages_classes_within_a_case_and_notes_what_it_saw(tmp_path):
    write_setting(tmp_path, TriedSetting(4, {"loss.sdm": 0.2}))
    judge = RungJudge(tmp_path, 4, (40, 80), Strategy(), "dice")
    assert judge(40, [_Score("a", 0.4), _Score("a", 0.6), _Score("b", 0.9), _Score("b", float("nan"))])
    record = read_setting(tmp_path, 4)
    assert record is not None
    assert (dict(record.rungs), record.params) == ({40: pytest.approx(0.7)}, {"loss.sdm": 0.2})


def test_missing_scores_are_left_out_of_a_case():
    assert by_case([("b", 0.5), ("a", None), ("a", 0.2), ("c", float("nan"))]) == {"a": 0.2, "b": 0.5}
