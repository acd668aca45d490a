from sweeps.prediction.costs import RAY_S, TRIAL_S
from sweeps.request import Budget
from tests.sweeps.prediction.looking import look, sweep_of, text_of


def test_few_trials_have_a_line_each_with_their_draw_of_labels(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("sweeps.definition.label_splits.labeled_cases", lambda *_: [])
    found = look(dataset, tmp_path, sweep_of(seeds=[0]), budget=Budget(probe_steps=0), label_splits=[3, 5])
    text = text_of(found, width=60)
    assert text.splitlines()[0].split() == ["variant", "seed", "labels", "what", "time"]
    assert [line.split()[:4] for line in text.splitlines()[1:5]] == [
        ["sdm=0.0", "0", "3", "run"],
        ["sdm=0.0", "0", "5", "run"],
        ["sdm=0.1", "0", "3", "run"],
        ["sdm=0.1", "0", "5", "run"],
    ]


def test_a_time_budget_says_how_many_trials_end_in_it(dataset, tmp_path, probe, machine):
    found = look(dataset, tmp_path)
    text = text_of(found, time_budget_s=RAY_S + 1.5 * (TRIAL_S + 10))
    assert "about 2 of 4 end within it." in " ".join(text.split())
