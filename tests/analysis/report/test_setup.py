import pytest

from analysis.report.setup import read_environment, read_settings
from analysis.runs.records import read_trials
from analysis.runs.sweep import read_sweep


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
