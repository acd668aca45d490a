import os

import pytest

from analysis.errors import AnalysisError
from analysis.report.live.stamps import Files


@pytest.fixture
def runs(write_sweep):
    return write_sweep({"ref": {0: [{"case_id": "a", "dice": 0.5}]}, "a": {0: None}})


def test_nothing_changes_while_nothing_is_written(runs):
    files = Files(runs, "toy")
    assert files.stamp() == files.stamp() == Files(runs, "toy").stamp()


def test_a_log_changes_the_whole_stamp_alone_and_a_record_both(runs, make_trial):
    from analysis.runs.records import write_trial

    files = Files(runs, "toy")
    first = files.stamp()
    (runs / "trials" / "a-s0").mkdir(parents=True)
    (runs / "trials" / "a-s0" / "log.jsonl").write_text("{}\n")
    trained = files.stamp()
    assert (trained.results == first.results, trained.whole == first.whole) == (True, False)
    write_trial(runs, make_trial("a-s0"))
    assert files.stamp().results != first.results


def test_trials_of_other_sweeps_change_nothing(runs, make_trial):
    from analysis.runs.records import write_trial

    files = Files(runs, "toy")
    first = files.stamp()
    write_trial(runs, make_trial("other-s0"))
    assert files.stamp() == first


def test_a_sweep_with_more_trials_than_before_is_read_again(runs, make_trial):
    from analysis.runs.records import write_trial

    files = Files(runs, "toy")
    files.stamp()
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    path.write_text(path.read_text().replace("a-s0", "b-s0"))
    second = files.stamp()
    write_trial(runs, make_trial("b-s0"))
    assert files.stamp() != second


def test_a_sweep_that_is_gone_is_told(runs):
    files = Files(runs, "toy")
    os.remove(runs / "sweeps" / "toy" / "sweep.yaml")
    with pytest.raises(AnalysisError, match="no sweep 'toy'"):
        files.stamp()


def test_what_the_average_mask_scores_changes_both(runs):
    """It comes after the last record, and the verdict rests on it."""
    from analysis.runs.average_mask import AverageMask, write_average_mask

    files = Files(runs, "toy")
    first = files.stamp()
    write_average_mask(runs, "toy", AverageMask("d", ("b",), {"a": 0.5}))
    second = files.stamp()
    assert second.results != first.results
    assert second.whole != first.whole
