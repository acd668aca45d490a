from analysis.report.content import read_report


def test_a_swept_number_is_drawn_against_the_score(write_sweep, tmp_path):
    from analysis.runs.records import write_trial

    runs = write_sweep({f"p={p}": {0: [{"case_id": "a", "dice": p}]} for p in (0.0, 0.1, 0.5)}, reference="p=0.1")
    for p in (0.0, 0.1, 0.5):
        row = {"trial_id": f"p={p}-s0", "config_hash": "0", "method": "m", "seed": 0, "status": "finished"}
        write_trial(runs, row | {"setting.projection.dropout": p, "setting.seed": 0})
    found = read_report(runs, "toy").swept
    assert found is not None
    assert found.values == {"p=0.0": 0.0, "p=0.1": 0.1, "p=0.5": 0.5}
    assert "Dropout" in found.label


def test_methods_are_no_numbers_to_draw_against(made):
    assert read_report(made.runs, "toy", cases=False).swept is None


def test_a_report_of_a_sweep_of_which_nothing_is_there_yet(write_sweep):
    report = read_report(write_sweep({"ref": {0: None}}), "toy")
    assert report.values.cases == ()
    assert [trial.state for trial in report.unfinished] == ["no result yet"]
    assert not report.browser.pictures
